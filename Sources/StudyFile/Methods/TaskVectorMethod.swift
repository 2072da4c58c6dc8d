package import Checkpoint
package import Selection
package import Tensors

/// The difference of two models of the study is added to a third one: θ_of + γ (θ_to − θ_from), a task vector (arXiv
/// 2212.04089). With a fine-tuned model, the aligned one and an unaligned one it is RESTA (arXiv 2402.11746).
///
/// All three are the study's model with a change of few ranks, so their sum is one as well: no checkpoint is written or read.
package struct TaskVectorMethod: ConditionMethod {
    package static let keys = ["task_vector"]
    package static func axes(of key: String) -> [ListAxis] {
        [ListAxis(key: "of", namesConditions: true), ListAxis(key: "scale")]
    }

    /// Conditions; `nil`: the unedited model.
    package var base: String?
    package var to: String?
    package var from: String?
    /// γ
    package var scale = 1.0

    /// - Throws: `InputError` with file, line and the key's path.
    package init(_ entry: ConditionEntry) throws(InputError) {
        let node = try entry.settings(["of", "to", "from", "scale"])
        (base, to, from) = (try node.string("of"), try node.string("to"), try node.string("from"))
        guard to != from else { throw node.error("from", "names the same model as to: nothing lies between them") }
        scale = try node.number("scale", in: -1e6...1e6) ?? scale
    }

    private static func name(_ condition: String?) -> String { condition ?? "the model" }

    package var title: String {
        "\(plainNumber(scale)) × (\(Self.name(to)) − \(Self.name(from))) added to \(Self.name(base))"
    }
    package func family(_ extent: EditExtent) -> ConditionFamily { .taskVector }
    package var coordinates: [GridAxis] { [GridAxis("scale", plainNumber(scale), scale)] }
    package var files: [String] { [] }
    package var sides: [Study.Side] { [] }
    package var needsScores: Bool { false }
    package var sequence: BlockSequence { .withoutData }
    package var builtOn: [String] {
        var names: [String] = []
        for name in [base, to, from] { if let name, !names.contains(name) { names.append(name) } }
        return names
    }

    package var making: Making {
        .edit { [self] inputs in
            var terms: [LowRankEdit.Term] = []
            for (name, factor) in [(base, 1), (to, scale), (from, -scale)] {
                if let name { terms.append(.init(try inputs.lowRank(name), factor: factor)) }
            }
            return try LowRankEdit(sumOf: terms)
        }
    }

    /// - Throws: `InputError` where a name is none of an earlier condition whose change of the model is one of few ranks.
    package func check(_ condition: Study.Condition, in study: Study, _ top: StudyNode) throws(InputError) {
        let earlier = study.conditions.prefix { $0.name != condition.name }.filter(\.hasFewRanks).map(\.name)
        for (key, name) in [("of", base), ("to", to), ("from", from)] {
            guard let name, !earlier.contains(name) else { continue }
            let nearest = nearestName(to: name, among: earlier).map { "; did you mean \($0)?" } ?? ""
            throw top.error(
                "conditions",
                "\(condition.name): task_vector.\(key) = \(name) is no earlier condition whose change is of few ranks (finetune with lora, direction with orthogonalise, actsvd, orthogonal_projection)\(nearest)"
            )
        }
    }

    package func check(_ condition: Study.Condition, against config: ModelConfig) {}

    /// The changes are known by data and settings, which no words say.
    package func fingerprint(_ condition: Study.Condition, in study: Study, _ known: KnownInputs) -> [String]? { nil }
}

extension ConditionFamily { package static let taskVector = ConditionFamily(64, "task vector") }

extension Study.Condition {
    /// Its model is the study's with a change of few ranks that later conditions can add and take away.
    var hasFewRanks: Bool {
        if fineTune?.lora != nil { return true }
        if case .ranks = method.making { return true }
        return (method as? DirectionMethod)?.kind == .orthogonalise
    }
}
