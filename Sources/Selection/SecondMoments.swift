public import Checkpoint

/// The second moments of a decoder block that decide its maps' subspaces (paper.md, "Rank level"): four places, of which
/// each has the smaller matrix that says the same.
///
/// The left singular vectors of W X are the eigenvectors of W (X Xᵀ) Wᵀ = (W X)(W X)ᵀ. Maps that share an input share
/// X Xᵀ [d_in × d_in]. A map alone whose outputs are fewer than its inputs (down) needs (W X)(W X)ᵀ [d_out × d_out] only.
public enum SecondMoments {
    public enum Side: Sendable, Equatable {
        /// C = X Xᵀ of what comes in.
        case input
        /// (W X)(W X)ᵀ of what comes out, without the bias.
        case output
    }

    public struct Place: Sendable, Equatable {
        public var maps: [LinearMap]
        public var side: Side
        public var dimension: Int
        /// Of the statistic, an F64 vector: the upper triangle, row by row.
        public var name: String
        public var packedCount: Int { dimension * (dimension + 1) / 2 }
    }

    /// In the order of the block: q, k, v | o | gate, up | down.
    public static func places(of config: ModelConfig, layer: Int) -> [Place] {
        [[LinearMap.q, .k, .v], [.o], [.gate, .up], [.down]].map { maps in
            let shape = maps[0].shape(in: config)
            let weight = maps[0].weightName(layer: layer)
            guard maps.count == 1, shape.rows < shape.columns else {
                return Place(
                    maps: maps, side: .input, dimension: shape.columns, name: StatisticName.inputMoment(weight))
            }
            return Place(maps: maps, side: .output, dimension: shape.rows, name: StatisticName.outputMoment(weight))
        }
    }

    /// Bytes of the statistic over one block of examples.
    public static func byteCount(_ config: ModelConfig) -> Int {
        (0..<config.layerCount).reduce(0) { sum, layer in
            sum + places(of: config, layer: layer).reduce(0) { $0 + 8 * $1.packedCount }
        }
    }
}

extension StatisticName {
    /// Σ x xᵀ over response positions, F64 [d_in · (d_in + 1) / 2], by the first map of those that share the input.
    public static func inputMoment(_ weight: String) -> String { "input_moment." + weight }
    /// Σ (W x)(W x)ᵀ over response positions, F64 [d_out · (d_out + 1) / 2].
    public static func outputMoment(_ weight: String) -> String { "output_moment." + weight }
    /// Whether a statistic is a second moment.
    public static func isMoment(_ name: String) -> Bool {
        name.hasPrefix("input_moment.") || name.hasPrefix("output_moment.")
    }
}
