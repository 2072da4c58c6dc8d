package import Checkpoint
package import Selection
package import Tensors

/// Whole units of some classes are removed: MLP channels, and heads or channels of attention (SSAH, arXiv 2410.10862,
/// section 3).
package struct UnitsMethod: ConditionMethod {
    package static let keys = ["units"]
    package static func axes(of key: String) -> [ListAxis] {
        ["safety", "utility", "redundant", "complex"].map { ListAxis(key: $0) }
    }

    package var selection: UnitSelection

    /// Reads which units it takes.
    /// - Throws: `InputError` with file, line and the key's path.
    package init(_ entry: ConditionEntry) throws(InputError) {
        selection = try UnitSelection(try entry.settings(UnitSelection.keys))
    }

    package var title: String { "without \(selection.title)" }

    package func family(_ extent: EditExtent) -> ConditionFamily {
        guard selection.classes.count == 1, let kind = selection.classes.first else { return .unitsOfSeveralClasses }
        return switch kind {
        case .safety: .safetyUnits
        case .utility: .utilityUnits
        case .complex: .complexUnits
        case .redundant: .redundantUnits
        }
    }

    package var coordinates: [GridAxis] {
        let shares: [(UnitClass, Double?)] = [
            (.safety, selection.settings.safety), (.utility, selection.settings.utility),
            (.redundant, selection.settings.redundant), (.complex, selection.complex),
        ]
        var axes: [GridAxis] = []
        for case (let kind, let percent?) in shares where selection.classes.contains(kind) {
            axes.append(.percent(kind.rawValue, percent))
        }
        return axes.count > 2 ? [] : axes
    }

    package var files: [String] { [] }
    package var sides: [Study.Side] { [] }
    package var needsScores: Bool { false }
    package var sequence: BlockSequence { .withoutData }
    package var making: Making {
        .mask { [selection] in try selection.mask(try $0.statistic(selection.statistic), $0.model) }
    }

    /// Checks that the study collects the statistic that it looks at.
    /// - Throws: `InputError` naming the key of the study.
    package func check(_ condition: Study.Condition, in study: Study, _ top: StudyNode) throws(InputError) {
        try selection.check(in: study, "\(condition.name): units", top)
    }

    /// Checks that none of its classes is empty.
    /// - Throws: `InputError` naming the condition.
    package func check(_ condition: Study.Condition, against config: ModelConfig) throws {
        try selection.check(config, condition: condition.name)
    }

    /// What its statistic comes to is not known before a run.
    package func fingerprint(
        _ condition: Study.Condition, in study: Study, _ known: KnownInputs
    ) -> [String]? { nil }
}

extension ConditionFamily {
    package static let safetyUnits = ConditionFamily(31, "safety-critical units")
    package static let utilityUnits = ConditionFamily(32, "utility-critical units")
    package static let complexUnits = ConditionFamily(33, "complex units")
    package static let redundantUnits = ConditionFamily(34, "redundant units")
    package static let unitsOfSeveralClasses = ConditionFamily(35, "units of several classes")
}
