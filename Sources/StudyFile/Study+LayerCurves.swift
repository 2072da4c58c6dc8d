import Protocol
import Selection
import Tensors

/// The study file's `layer_curves`: how alike the last tokens' states of pairs of prompts are, block by block (Safety Layers,
/// arXiv 2408.17003).
extension Study {
    package struct LayerCurvePlan: Sendable, Equatable {
        /// The name of a statistic `last_token_state` of the study, whose harmless list has the normal prompts.
        package var statistic: String
        /// Of each kind.
        package var pairs: Int
        package var seed: UInt64
    }

    static func layerCurves(_ top: StudyNode, seed: UInt64) throws(InputError) -> LayerCurvePlan? {
        guard let node = try top.mapping("layer_curves", keys: ["statistic", "pairs", "seed"]) else { return nil }
        return LayerCurvePlan(
            statistic: try node.string("statistic") ?? LastTokenState.name,
            pairs: try node.integer("pairs", in: 1...1_000_000) ?? LayerCurves.standardPairs,
            seed: try node.integer("seed", in: 0...Int.max).map { UInt64($0) } ?? seed)
    }

    func checkLayerCurves(_ top: StudyNode) throws(InputError) {
        guard let layerCurves else { return }
        let known = statistics.filter { $0.request.name == LastTokenState.name }.map(\.name)
        guard !known.contains(layerCurves.statistic) else { return }
        let nearest = nearestName(to: layerCurves.statistic, among: known)
        throw top.error(
            "layer_curves",
            "needs a statistic \(LastTokenState.name) called \(layerCurves.statistic), which the study does not collect"
                + (nearest.map { "; did you mean \($0)?" } ?? ""))
    }
}
