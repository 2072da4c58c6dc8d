package import Checkpoint
package import Selection
package import Tensors

/// Whole attention heads are removed.
package struct HeadsMethod: ConditionMethod {
    package static let keys = ["heads"]
    private static let choices = ["top", "bottom", "random"]
    package static func axes(of key: String) -> [ListAxis] {
        choices.map { ListAxis(key: $0) } + [ListAxis(key: "seeds", word: "seed")]
    }

    package var selection: HeadSelection
    /// Of the draw of random heads; `nil`: the study's.
    package var seed: UInt64?

    package init(_ selection: HeadSelection, seed: UInt64? = nil) { (self.selection, self.seed) = (selection, seed) }

    /// Reads which heads it takes, how many, and the seed of random ones.
    /// - Throws: `InputError` with file, line and the key's path.
    package init(_ entry: ConditionEntry) throws(InputError) {
        let node = try entry.settings(Self.choices + ["seeds"])
        let keys = node.keys.filter(Self.choices.contains)
        guard keys.count == 1, let key = keys.first else {
            throw entry.node.error("heads", "needs exactly one of \(Self.choices.joined(separator: ", "))")
        }
        seed = try node.integer("seeds", in: 0...Int.max).map { UInt64($0) }
        guard seed == nil || key == "random" else {
            throw node.error("seeds", "goes with random heads, not with \(key)")
        }
        let count = try node.required(key) { key throws(InputError) in try node.integer(key, in: 1...1_000_000) }
        selection = key == "top" ? .top(count) : key == "bottom" ? .bottom(count) : .random(count)
    }

    package var title: String { selection.title + (seed.map { ", seed \($0)" } ?? "") }
    package var drawnLike: String? { selection.needsProbe ? nil : selection.title }

    package func family(_ extent: EditExtent) -> ConditionFamily {
        switch selection {
        case .top: .headsTop
        case .bottom: .headsBottom
        case .random: .headsRandom
        }
    }

    package var coordinates: [GridAxis] { [GridAxis("heads", "\(selection.count)", Double(selection.count))] }
    package var files: [String] { [] }
    package var sides: [Study.Side] { [] }
    package var needsScores: Bool { false }
    package var sequence: BlockSequence { .withoutData }
    package var making: Making {
        .mask { [selection, seed] in
            try selection.mask($0.probe, in: $0.model.config, seed: seed ?? $0.seed)
        }
    }

    /// Checks that a ranking of heads is made where it needs one.
    /// - Throws: `InputError` where `probe` is missing.
    package func check(_ condition: Study.Condition, in study: Study, _ top: StudyNode) throws(InputError) {
        if selection.needsProbe, study.probe == nil {
            throw top.error("probe", "is missing: condition \(condition.name) needs the heads' ranking")
        }
    }

    /// Checks that the model has so many heads.
    /// - Throws: `InputError` naming the condition where it has fewer.
    package func check(_ condition: Study.Condition, against config: ModelConfig) throws {
        let heads = config.layerCount * config.headCount
        guard selection.count > heads else { return }
        throw InputError(
            "condition \(condition.name)", "\(selection.count) heads were asked for, the model has \(heads)")
    }

    /// The probe's data say more than its words do.
    package func fingerprint(
        _ condition: Study.Condition, in study: Study, _ known: KnownInputs
    ) -> [String]? { nil }
}

extension ConditionFamily {
    package static let headsTop = ConditionFamily(13, "probed heads, top", control: .family(.headsRandom))
    package static let headsBottom = ConditionFamily(14, "probed heads, least", control: .family(.headsRandom))
    package static let headsRandom = ConditionFamily(15, "random heads", isControl: true)
}
