public import Checkpoint
public import Protocol
import Tensors

/// The second moments of a decoder block that decide its maps' subspaces (arXiv 2402.05162, rank level): four places, of
/// which each has the smaller matrix that says the same.
///
/// The left singular vectors of W X are the eigenvectors of W (X Xᵀ) Wᵀ = (W X)(W X)ᵀ. Maps that share an input share
/// X Xᵀ [d_in × d_in]. A map alone whose outputs are fewer than its inputs (down) needs (W X)(W X)ᵀ [d_out × d_out] only.
public struct SecondMoments: Statistic {
    public static let name = "second_moments"
    /// They are summed, sent and decomposed.
    public var room: StatisticRoom { .tensors(times: 4) }

    public init() {}
    public init(options: [String: String]) {}

    public func tensors(_ config: ModelConfig, _ extent: StatisticExtent) -> [StatisticTensor] {
        extent.layers.flatMap { Self.places(of: config, layer: $0) }.map {
            StatisticTensor($0.name, .f64, [$0.packedCount], triangle: $0.dimension)
        }
    }

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
}

extension StatisticName {
    /// Σ x xᵀ over response positions, F64 [d_in · (d_in + 1) / 2], by the first map of those that share the input.
    public static func inputMoment(_ weight: String) -> String { "input_moment." + weight }
    /// Σ (W x)(W x)ᵀ over response positions, F64 [d_out · (d_out + 1) / 2].
    public static func outputMoment(_ weight: String) -> String { "output_moment." + weight }
}

extension StatisticRequest {
    public static var secondMoments: StatisticRequest { SecondMoments().request() }
}
