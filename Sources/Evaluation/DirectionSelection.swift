/// A direction that may be the one of refusal, with what the published selection looks at (arXiv 2406.11717, appendix C;
/// andyrdt/refusal_direction, `pipeline/submodules/select_direction.py`). All three are means over validation prompts; `nil`:
/// not computed, because the layer rule leaves the candidate out.
public struct DirectionCandidate: Sendable, Equatable {
    /// The token of the prompt, counted from its end: −1 is the last one.
    public var position: Int
    /// The block at whose input the direction was found.
    public var layer: Int
    /// Refusal log-odds of harmful prompts with the direction ablated.
    public var refusal: Double?
    /// Refusal log-odds of harmless prompts with the mean difference added at the layer's input.
    public var induced: Double?
    /// KL(unedited ‖ ablated) of the next token after harmless prompts, in nats.
    public var divergence: Double?

    public init(
        position: Int, layer: Int, refusal: Double? = nil, induced: Double? = nil, divergence: Double? = nil
    ) {
        (self.position, self.layer) = (position, layer)
        (self.refusal, self.induced, self.divergence) = (refusal, induced, divergence)
    }
}

/// Which candidate is the refusal direction: the one with the lowest refusal log-odds under ablation among those that no rule
/// leaves out.
public struct DirectionSelection: Sendable, Equatable {
    /// The largest divergence that ablation may cause on harmless prompts.
    public var kl = 0.1
    /// Layers from ⌊layersBelow · number of layers⌋ on are left out.
    public var layersBelow = 0.8
    /// The least refusal log-odds that addition has to induce.
    public var induce = 0.0

    public init() {}

    /// Why a candidate is left out.
    public enum Exclusion: String, Sendable, CaseIterable {
        case layer
        /// A number of it is none: the edited model's logits overflow, or the means are equal.
        case notANumber = "not_a_number"
        case divergence = "kl"
        case induced = "induce"
    }

    /// The first layer that is left out.
    public func layerLimit(of layers: Int) -> Int { Int(Double(layers) * layersBelow) }

    /// - Parameter layers: of the model.
    /// - Returns: the first rule that leaves the candidate out; `nil`: none does.
    public func exclusion(_ candidate: DirectionCandidate, layers: Int) -> Exclusion? {
        if candidate.layer >= layerLimit(of: layers) { return .layer }
        guard let refusal = candidate.refusal, let induced = candidate.induced, let divergence = candidate.divergence,
            !refusal.isNaN, !induced.isNaN, !divergence.isNaN
        else { return .notANumber }
        if divergence > kl { return .divergence }
        return induced < induce ? .induced : nil
    }

    /// - Parameter candidates: in any order.
    /// - Returns: the index of the candidate that is chosen, `nil` where every one is left out. Of equal ones it is the one at
    ///   the earlier position, then of the lower layer, which is the published code's order.
    public func choice(_ candidates: [DirectionCandidate], layers: Int) -> Int? {
        var best: Int?
        for (index, candidate) in candidates.enumerated() {
            guard exclusion(candidate, layers: layers) == nil, let refusal = candidate.refusal else { continue }
            guard let other = best, let least = candidates[other].refusal else {
                best = index
                continue
            }
            let own = (refusal, candidate.position, candidate.layer)
            if own < (least, candidates[other].position, candidates[other].layer) { best = index }
        }
        return best
    }
}
