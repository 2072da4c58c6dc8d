public import Checkpoint
public import Protocol
import Tensors

/// Every attention head's output at the last prompt token, a row for each prompt: the features of probes (arXiv 2402.05162,
/// probing).
public struct HeadOutput: Statistic {
    public static let name = "head_output"
    public static let readsPrompts = true
    public var combination: Combination { .rows }
    public var room: StatisticRoom { .activations }

    public init() {}
    public init(options: [String: String]) {}

    public func tensors(_ config: ModelConfig, _ extent: StatisticExtent) -> [StatisticTensor] {
        extent.layers.map { layer in
            StatisticTensor(
                StatisticName.headOutput(layer: layer), .f32, [extent.examples, config.headCount * config.headDim])
        }
    }
}

extension StatisticName {
    /// Head outputs at the last prompt token, F32 [prompts × heads·headDim].
    public static func headOutput(layer: Int) -> String { "\(HeadOutput.name).\(layer)" }
}

extension StatisticRequest {
    public static var headOutput: StatisticRequest { HeadOutput().request() }
}
