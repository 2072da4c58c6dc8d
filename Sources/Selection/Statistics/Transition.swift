public import Checkpoint
import Protocol
public import Tensors

/// How the residual stream changes when a prompt is answered: the state at the prompt's last token, and that state less the
/// one at the response's last token, a row for each prompt, at every place of the residual stream (SCANS, arXiv 2408.11491;
/// there the response is " Sure"). The gate of `ScansGate` is made of it.
public struct Transition: Statistic {
    public static let name = "transition"
    public static let readsPrompts = true
    public var readsResidual: Bool { true }
    public var needsResponses: Bool { true }
    public var combination: Combination { .rows }
    public var room: StatisticRoom { .activations }

    public init() {}
    public init(options: [String: String]) {}

    public func tensors(_ config: ModelConfig, _ extent: StatisticExtent) -> [StatisticTensor] {
        ResidualPlace.places(in: extent.layers, of: config).flatMap { place in
            [
                StatisticTensor(StatisticName.transition(.state, place), .f32, [extent.examples, config.hiddenSize]),
                StatisticTensor(StatisticName.transition(.change, place), .f32, [extent.examples, config.hiddenSize]),
                StatisticTensor(
                    StatisticName.transition(.isOfClass, place), .f32, [extent.examples, extent.classes],
                    .nonNegative),
            ]
        }
    }

    /// `state.CLASS.PLACE` and `change.CLASS.PLACE`, F32 [prompts of the class × hidden size], in the prompts' order.
    /// - Throws: `SelectionError.missing`, `SelectionError.shape`.
    public func finished(_ combined: TensorBundle, classes: [String]) throws -> [TensorBundle.Entry] {
        let marks = StatisticName.transition(.isOfClass, nil)
        var entries: [TensorBundle.Entry] = []
        for (kind, title) in [(StatisticName.Transitions.state, "state"), (.change, "change")] {
            entries += try ClassRows.entries(
                combined, rows: StatisticName.transition(kind, nil), marks: marks, classes: classes, title: title,
                statistic: Self.name)
        }
        return entries
    }
}

extension StatisticName {
    /// Rows of states at the prompt's end, of these less the states at the response's end, and 1 where a row's prompt is of
    /// the class.
    public enum Transitions: String, Sendable { case state, change, isOfClass = "class" }

    /// - Parameter place: `nil`: what the names of all places begin with.
    public static func transition(_ kind: Transitions, _ place: ResidualPlace?) -> String {
        "\(Transition.name).\(kind.rawValue).\(place?.description ?? "")"
    }
}
