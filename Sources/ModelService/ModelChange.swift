package import Selection

/// What a condition did to the model, in numbers.
package struct ModelChange: Sendable {
    /// Weights set to zero.
    package var zeroed = 0
    /// Ranks of the change of the weights, over all linear maps.
    package var ranks = 0
    /// Loss of every fine-tuning step.
    package var losses: [Float] = []
    /// Where a training ended; `nil`: nothing was trained.
    package var training: TrainingOutcome?
    /// Weights that fine-tuning left as they were.
    package var restricted: RestrictedWeights?
    /// What the gate of `scans` came to.
    package var gate: ScansGateResult?

    package init() {}
    package init(_ extent: EditExtent) { (zeroed, ranks) = (extent.zeroed, extent.ranks) }
}
