public import Checkpoint
import Protocol
public import Tensors

/// The residual stream at the last token of every prompt, a row for each: at the input of every decoder block, at the output
/// of the last one, and after the final norm. Curves over layers are made of it (`LayerCurves`).
public struct LastTokenState: Statistic {
    public static let name = "last_token_state"
    public static let readsPrompts = true
    public var readsResidual: Bool { true }
    public var combination: Combination { .rows }
    public var room: StatisticRoom { .activations }

    public init() {}
    public init(options: [String: String]) {}

    public func tensors(_ config: ModelConfig, _ extent: StatisticExtent) -> [StatisticTensor] {
        ResidualPlace.places(in: extent.layers, of: config).flatMap { place in
            [
                StatisticTensor(StatisticName.lastToken(.state, place), .f32, [extent.examples, config.hiddenSize]),
                StatisticTensor(
                    StatisticName.lastToken(.isOfClass, place), .f32, [extent.examples, extent.classes], .nonNegative),
            ]
        }
    }

    /// `state.CLASS.PLACE`, F32 [prompts of the class × hidden size], in the prompts' order.
    /// - Throws: `SelectionError.missing`, `SelectionError.shape`.
    public func finished(_ combined: TensorBundle, classes: [String]) throws -> [TensorBundle.Entry] {
        try ClassRows.entries(
            combined, rows: StatisticName.lastToken(.state, nil), marks: StatisticName.lastToken(.isOfClass, nil),
            classes: classes, title: "state", statistic: Self.name)
    }
}

extension StatisticName {
    /// Rows of states, and 1 where a row's prompt is of the class.
    public enum LastToken: String, Sendable { case state, isOfClass = "class" }

    /// - Parameter place: `nil`: what the names of all places begin with.
    public static func lastToken(_ kind: LastToken, _ place: ResidualPlace?) -> String {
        "\(LastTokenState.name).\(kind.rawValue).\(place?.description ?? "")"
    }
}
