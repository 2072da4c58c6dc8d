package import Checkpoint
package import Selection
package import Tensors

/// The model as it is.
package struct UneditedMethod: ConditionMethod {
    package static let keys = ["unedited"]
    package static func axes(of key: String) -> [ListAxis] { [] }
    package static let withoutSettings: Self? = UneditedMethod()

    package init() {}

    /// Reads nothing: it has no settings.
    /// - Throws: `InputError` where there are some.
    package init(_ entry: ConditionEntry) throws(InputError) {
        guard !entry.node.has(entry.key) else { throw entry.node.error(entry.key, "takes no settings") }
    }

    package var title: String { "unedited" }
    package func family(_ extent: EditExtent) -> ConditionFamily { .unedited }
    package var coordinates: [GridAxis] { [] }
    package var files: [String] { [] }
    package var sides: [Study.Side] { [] }
    package var needsScores: Bool { false }
    package var sequence: BlockSequence { .withoutData }
    package var making: Making { .nothing }
    package func check(_ condition: Study.Condition, in study: Study, _ top: StudyNode) {}
    package func check(_ condition: Study.Condition, against config: ModelConfig) {}
    package func fingerprint(
        _ condition: Study.Condition, in study: Study, _ known: KnownInputs
    ) -> [String]? { ["unedited"] }
}

extension ConditionFamily { package static let unedited = ConditionFamily(0, "unedited") }
