package import Checkpoint
package import Selection
package import Tensors

/// The first q % of the safety ranking that are not among the first p % of utility's are set to zero (arXiv 2402.05162,
/// section 3.2).
package struct SetDifferenceMethod: ConditionMethod {
    package static let keys = ["set_difference"]
    package static func axes(of key: String) -> [ListAxis] { [ListAxis(key: "p"), ListAxis(key: "q")] }

    package var p: Double
    package var q: Double
    package var group: Group

    package init(p: Double, q: Double, group: Group) { (self.p, self.q, self.group) = (p, q, group) }

    /// Reads the shares p and q in percent and the group that they are shares of.
    /// - Throws: `InputError` with file, line and the key's path.
    package init(_ entry: ConditionEntry) throws(InputError) {
        let node = try entry.settings(["p", "q", "group"])
        p = try node.required("p", node.percent)
        q = try node.required("q", node.percent)
        group = try node.choice("group", as: Group.self) ?? .matrix
    }

    package var title: String { "set difference p=\(p)% q=\(q)% per \(group.rawValue)" }
    package func family(_ extent: EditExtent) -> ConditionFamily { .setDifference }
    package var coordinates: [GridAxis] { [.percent("p", p), .percent("q", q)] }
    package var files: [String] { [] }
    package var sides: [Study.Side] { [.safety, .utility] }
    package var needsScores: Bool { true }
    package var sequence: BlockSequence { group == .model ? .comparesBlocks : .possible }

    package var making: Making {
        .mask { [p, q, group] inputs in
            try SetDifference.mask(
                safety: try inputs.scores(.safety), q: q, utility: try inputs.scores(.utility), p: p, group: group)
        }
    }

    /// Checks that the study has data for its scores, and that the scores depend on them.
    /// - Throws: `InputError` naming the key of the study.
    package func check(_ condition: Study.Condition, in study: Study, _ top: StudyNode) throws(InputError) {
        try study.checkScores(of: condition, top)
        guard study.scores.method.needsData else {
            throw top.error(
                "scores",
                "method \(study.scores.method.rawValue) knows no two data sets: condition \(condition.name) needs \(ScoreMethod.namesWithData)"
            )
        }
    }

    package func check(_ condition: Study.Condition, against config: ModelConfig) {}

    package func fingerprint(
        _ condition: Study.Condition, in study: Study, _ known: KnownInputs
    ) -> [String]? { condition.fingerprint + study.scoreFingerprint }
}

extension ConditionFamily { package static let setDifference = ConditionFamily(1, "set difference") }

extension Study {
    /// What a condition that is chosen by scores needs of the study.
    func checkScores(of condition: Condition, _ top: StudyNode) throws(InputError) {
        if scores.method.needsData, calibration == nil {
            throw top.error("calibration", "is missing: condition \(condition.name) needs scores")
        }
        if condition.isSequential, !scores.method.needsData {
            throw top.error(
                "scores",
                "method \(scores.method.rawValue) looks at no data: condition \(condition.name) needs no order")
        }
    }

    /// What decides scores beside their data.
    var scoreFingerprint: [String] {
        let settings = scores.method.provenance(ScoreSettings(loss: scores.loss, seed: seed))
        return settings.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" } + ["\(seed)"]
    }
}
