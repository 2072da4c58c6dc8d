public import Checkpoint
import Protocol
public import Tensors

extension ScoreMethod {
    public static let snip = ScoreMethod(
        "snip", collects: { [AbsoluteGradient(loss: $0.loss)] }, uses: { ["loss": $0.loss.rawValue] },
        computes: {
            WeightScores.snip(
                $0.model, folded: try $0.statistics(for: "snip"), examples: $0.examples, layer: $0.layer)
        })
}

extension WeightScores {
    /// SNIP: E_x abs(W ⊙ ∇_W L(x)) = abs(W) ⊙ Σ_x abs(∇_W L(x)) / n (arXiv 2402.05162, section 2;
    /// Lee et al. 2019).
    /// - Parameters:
    ///   - folded: F32 [d_out × d_in] Σ_x abs(∇_W L(x)) per linear map, named as the workers name it.
    ///   - examples: n.
    ///   - layer: whose maps; all where nil.
    public static func snip(
        _ model: any WeightSource, folded: SafetensorsFile, examples: Int, layer: Int? = nil
    ) -> ComputedScores {
        ComputedScores(label: "snip", maps: maps(of: model.config, layer: layer)) { map, scores in
            try read(model, map, into: scores)
            let sums = try statistic(
                StatisticName.absoluteGradient(map.name), .f32, shape: [map.rows, map.columns], in: folded)
            let n = Float(examples)
            sums.withUnsafeBytes { bytes in
                for index in scores.indices {
                    let sum = bytes.loadUnaligned(fromByteOffset: index * 4, as: Float.self)
                    scores[index] = abs(scores[index]) * (sum / n)
                }
            }
        }
    }
}
