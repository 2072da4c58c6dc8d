package import Selection

/// What a condition did to the model, in numbers.
package struct ModelChange: Sendable {
    /// Weights set to zero.
    package var zeroed = 0
    /// Ranks of the change of the weights, over all linear maps.
    package var ranks = 0
    /// Loss of every fine-tuning step.
    package var losses: [Float] = []
    /// Weights that fine-tuning left as they were.
    package var restricted: RestrictedWeights?
    /// What the method found on the way, in words.
    package var note: String?

    package init() {}
    package init(_ extent: EditExtent) { (zeroed, ranks) = (extent.zeroed, extent.ranks) }
}
