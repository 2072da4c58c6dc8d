package import Checkpoint
package import Selection
package import Tensors

/// Linear interpolation to another checkpoint of the same architecture: θ₁ + t (θ₂ − θ₁), θ₁ the study's model.
package struct MergeMethod: ConditionMethod {
    package static let keys = ["merge"]
    package static func axes(of key: String) -> [ListAxis] { [ListAxis(key: "t")] }

    /// Where θ₂ lies.
    package var other: String
    package var t: Double

    package init(_ other: String, t: Double) { (self.other, self.t) = (other, t) }

    /// - Throws: `InputError` with file, line and the key's path.
    package init(_ entry: ConditionEntry) throws(InputError) {
        let node = try entry.settings(["with", "t"])
        other = entry.path(try node.required("with", node.string))
        t = try node.required("t") { key throws(InputError) in try node.number(key, in: -100...100) }
    }

    package var title: String { "merged: \(plainNumber(t)) of the way to \(DeltaMethod.name(other))" }
    package func family(_ extent: EditExtent) -> ConditionFamily { .merged }
    package var coordinates: [GridAxis] { [GridAxis("t", plainNumber(t), t)] }
    package var files: [String] { [other] }
    package var sides: [Study.Side] { [] }
    package var needsScores: Bool { false }
    package var sequence: BlockSequence { .withoutData }
    package var cost: EditCost { t == 0 ? .nothing : EditCost(rewrites: 1, files: files) }
    package var making: Making {
        .edit { [self] in
            WeightDelta([.init(to: try OtherCheckpoint(path: other, for: $0.model.config), scale: t)])
        }
    }

    package func check(_ condition: Study.Condition, in study: Study, _ top: StudyNode) {}

    /// Checks that the other checkpoint is there and has the same tensors.
    /// - Throws: `CheckpointError`, or `SelectionError` naming what differs.
    package func check(_ condition: Study.Condition, against config: ModelConfig) throws {
        try OtherCheckpoint.check(try Checkpoint.open(other).config, at: other, against: config)
    }

    /// The other checkpoint's content is known before a run.
    /// - Throws: `CheckpointError` where it cannot be read.
    package func fingerprint(
        _ condition: Study.Condition, in study: Study, _ known: KnownInputs
    ) throws -> [String]? { condition.fingerprint + [try Checkpoint.open(other).digest()] }
}

extension ConditionFamily { package static let merged = ConditionFamily(42, "merged") }
