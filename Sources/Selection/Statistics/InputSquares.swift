public import Checkpoint
public import Protocol
import Tensors

/// Σ x² of every input column of the linear maps over response positions: what Wanda is made of (arXiv 2402.05162,
/// section 2).
public struct InputSquares: Statistic {
    public static let name = "input_squares"
    public var room: StatisticRoom { .weights }

    public init() {}
    public init(options: [String: String]) {}

    public func tensors(_ config: ModelConfig, _ extent: StatisticExtent) -> [StatisticTensor] {
        extent.layers.flatMap { layer in
            WeightScores.maps(of: config, layer: layer).map {
                StatisticTensor(StatisticName.inputSquares($0.name), .f64, [$0.columns], .nonNegative)
            }
        }
    }
}

extension StatisticName {
    /// Σ x² over response positions, F64 [d_in].
    public static func inputSquares(_ weight: String) -> String { "\(InputSquares.name).\(weight)" }
}

extension StatisticRequest {
    public static var inputSquares: StatisticRequest { InputSquares().request() }
}
