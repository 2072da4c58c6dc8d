package import Checkpoint
package import Datasets
package import Evaluation
package import Selection
package import Tensors

/// The evaluation's prompts are put to a model through a defence in the prompt (after SODE, arXiv 2401.00287;
/// `PromptStrategy`). The model is the unedited one, or an earlier condition's.
package struct DefenceMethod: ConditionMethod {
    package static let keys = ["defence"]
    package static func axes(of key: String) -> [ListAxis] {
        [ListAxis(key: "of", namesConditions: true), ListAxis(key: "strategy", word: "")]
    }

    package var kind: PromptStrategy.Kind
    /// The condition whose model is defended; `nil`: the unedited model.
    package var base: String?
    /// The user's own text; `nil`: ours.
    package var text: String?
    /// A file of pairs, which are the exemplars; `nil`: ours.
    package var exemplars: String?
    /// `nil`: ours.
    package var abstention: String?
    /// Tokens of a verdict, or of knowledge, at most.
    package var newTokens: Int

    /// Tokens of a verdict and of knowledge where nothing else is said (ours).
    package static let verdictTokens = 16
    package static let knowledgeTokens = 100

    /// - Throws: `InputError` with file, line and the key's path.
    package init(_ entry: ConditionEntry) throws(InputError) {
        let node = try entry.settings(["strategy", "of", "text", "texts", "abstention", "max_new_tokens"])
        kind = try node.required("strategy") { key throws(InputError) in
            try node.choice(key, as: PromptStrategy.Kind.self)
        }
        base = try node.string("of")
        text = try Self.text(node, "text")
        exemplars = try node.string("texts").map(entry.path)
        abstention = try Self.text(node, "abstention")
        let newTokens = try node.integer("max_new_tokens", in: 1...100_000)
        self.newTokens = newTokens ?? (kind == .knowledge ? Self.knowledgeTokens : Self.verdictTokens)

        func refuse(_ key: String, unless kinds: [PromptStrategy.Kind]) throws(InputError) {
            guard node.has(key), !kinds.contains(kind) else { return }
            let words = kinds.map(\.rawValue).joined(separator: ", ")
            throw node.error(key, "goes with \(words), not with \(kind.rawValue)")
        }
        try refuse("texts", unless: [.exemplars])
        try refuse("abstention", unless: [.selfCheckPrompt, .selfCheckAnswer])
        try refuse("max_new_tokens", unless: [.selfCheckPrompt, .selfCheckAnswer, .knowledge])
        guard let text else { return }
        for slot in slots where !text.contains(slot) {
            throw node.error(
                "text", "of \(kind.rawValue) has to have \(slot) in it, where the text goes that it is about")
        }
    }

    /// A text with something in it.
    private static func text(_ node: StudyNode, _ key: String) throws(InputError) -> String? {
        guard let text = try node.string(key) else { return nil }
        guard !trimmed(text).isEmpty else { throw node.error(key, "is blank; leave the key out where there is none") }
        return text
    }

    /// What a text of the user's own needs.
    private var slots: [String] {
        switch kind {
        case .instruction, .exemplars: []
        case .selfCheckPrompt, .knowledge: ["{prompt}"]
        case .selfCheckAnswer: ["{answer}"]
        }
    }

    /// The strategy with all its texts.
    /// - Throws: `InputError` where the file of exemplars cannot be read.
    package func strategy(_ files: DataFiles) throws(InputError) -> PromptStrategy {
        var own: [PromptStrategy.Exemplar]?
        if let exemplars {
            own = try files.pairs(exemplars).map { .init(question: $0.prompt, answer: $0.response) }
        }
        return PromptStrategy(kind, text: text, exemplars: own, abstention: abstention)
    }

    package var title: String {
        var words = ["defence in the prompt: \(kind.rawValue)"]
        if let base { words.append("model of \(base)") }
        let hasOwn = text != nil || exemplars != nil || abstention != nil
        words.append(hasOwn ? "texts of the study's own" : "standard texts")
        if kind != .instruction, kind != .exemplars { words.append("\(newTokens) tokens") }
        return words.joined(separator: ", ")
    }
    package func family(_ extent: EditExtent) -> ConditionFamily { .defended }
    package var coordinates: [GridAxis] { [] }
    package var files: [String] { exemplars.map { [$0] } ?? [] }
    package var sides: [Study.Side] { [] }
    package var needsScores: Bool { false }
    package var sequence: BlockSequence { .withoutData }
    package var making: Making { .another(base) }

    package func check(_ condition: Study.Condition, in study: Study, _ top: StudyNode) throws(InputError) {
        guard study.evaluation.harmful != nil, study.evaluation.harmless != nil else {
            throw top.error(
                "conditions",
                "\(condition.name): a defence is measured on both sides: evaluation needs harmful and harmless prompts")
        }
        if study.export.contains(condition.name) {
            throw top.error("export", "names \(condition.name): a defence in the prompt changes no weight")
        }
        guard let base else { return }
        let earlier = study.conditions.prefix { $0.name != condition.name }.filter { $0.defence == nil }.map(\.name)
        guard earlier.contains(base) else {
            let nearest = nearestName(to: base, among: earlier).map { "; did you mean \($0)?" } ?? ""
            throw top.error(
                "conditions",
                "\(condition.name): defence.of = \(base) is no earlier condition with a model of its own\(nearest)")
        }
        if study.base(of: self)?.method.goesByPrompts == true {
            throw top.error(
                "conditions",
                "\(condition.name): defence.of = \(base) is steered by its gate at the prompts as they are, and not as a defence puts them"
            )
        }
    }

    package func check(_ condition: Study.Condition, against config: ModelConfig) {}

    /// No weights are its own: answers are known by those of its base, and by the prompts, which hold the texts.
    package func fingerprint(_ condition: Study.Condition, in study: Study, _ known: KnownInputs) -> [String]? { nil }
}

extension ConditionFamily { package static let defended = ConditionFamily(70, "defence in the prompt") }

extension Study.Condition {
    /// How prompts are put to its model; `nil`: as they are.
    package var defence: DefenceMethod? { method as? DefenceMethod }
}

extension Study {
    /// The condition whose model a defence is of.
    /// - Returns: the unedited one where it names none.
    package func base(of defence: DefenceMethod) -> Condition? {
        conditions.first { defence.base == nil ? $0.isUnedited : $0.name == defence.base }
    }

    /// The conditions that put prompts to a model through a defence, by the name of the condition whose model it is.
    var defences: [String: [Condition]] {
        var defences: [String: [Condition]] = [:]
        for item in conditions {
            guard let defence = item.defence, let base = base(of: defence) else { continue }
            defences[base.name, default: []].append(item)
        }
        return defences
    }
}
