public import Checkpoint
public import Tensors

#if canImport(Glibc)
    import Glibc
#endif

extension ScoreMethod {
    public static let wanda = ScoreMethod(
        "wanda", collects: { _ in [InputSquares()] },
        computes: { WeightScores.wanda($0.model, folded: try $0.statistics(for: "wanda"), layer: $0.layer) })
}

extension WeightScores {
    /// Wanda: abs(W_ij) · ‖X_j‖₂ over response positions (arXiv 2402.05162, section 2; Sun et al.
    /// 2024).
    /// - Parameter folded: F64 [d_in] Σ x² per linear map, named as the workers name it.
    public static func wanda(
        _ model: any WeightSource, folded: SafetensorsFile, layer: Int? = nil
    ) -> ComputedScores {
        ComputedScores(label: "wanda", maps: maps(of: model.config, layer: layer)) { map, scores in
            try read(model, map, into: scores)
            let sums = try statistic(StatisticName.inputSquares(map.name), .f64, shape: [map.columns], in: folded)
            let norms = sums.withUnsafeBytes { bytes in
                (0..<map.columns).map { Float(sqrt(bytes.loadUnaligned(fromByteOffset: $0 * 8, as: Double.self))) }
            }
            for row in 0..<map.rows {
                for column in 0..<map.columns {
                    let index = row * map.columns + column
                    scores[index] = abs(scores[index]) * norms[column]
                }
            }
        }
    }
}
