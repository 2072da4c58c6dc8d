package import Evaluation
package import StudyFile

/// What the harmful prompts came to in one setting.
package struct AttackResult: Sendable {
    package var setting: AttackSetting
    /// With suffixes: of the most successful one, for every measure by itself.
    package var success: AttackSuccess
    /// One entry a suffix; one entry where there are none.
    package var bySuffix: [AttackSuccess]
    package var answers: [(answer: Answer, verdict: Verdict)]
    /// The same answers cut after fewer tokens, shortest first.
    package var byLength: [AnswerLength]

    /// - Throws: `EvaluationError` where there are no answers.
    package init(
        _ setting: AttackSetting, _ answers: [Answer], lengths: [Int] = [], judges: Judges, gates: CoherenceGates
    ) throws {
        self.setting = setting
        byLength = try lengths.map { try AnswerLength.overSuffixes($0, answers, judges: judges) }
        let gate = gates.gate(isChat: setting.isChat)
        self.answers = answers.map { ($0, Verdict($0, judges: judges, gate: gate)) }
        (success, bySuffix) = try AttackSuccess.overSuffixes(
            self.answers.map { ($0.answer.prompt, $0.answer.suffix, $0.verdict) })
    }

    package typealias RatePath = any KeyPath<AttackSuccess, AttackSuccess.Rate> & Sendable

    /// Who judges a measure.
    package enum By: Sendable, Equatable { case own, paper, other(Int), nobody }

    package struct Measure: Sendable {
        /// In tables, where the name of the run's own judge follows.
        var title: String
        /// In files.
        var key: String
        var by: By
        package var rate: RatePath

        /// The judge's name; `nil` where none has part in it.
        func judge(_ judges: Judges) -> String? {
            switch by {
            case .own: judges.own.name
            case .paper: judges.paper.name
            case .other(let number): judges.others[number].name
            case .nobody: nil
            }
        }

        /// In tables: by the run's own judge, with its name.
        package func title(_ judges: Judges) -> String { by == .own ? "\(title) (\(judges.own.name))" : title }
    }

    /// Every measure of harmful prompts.
    static func measures(_ judges: Judges) -> [Measure] {
        standard
            + judges.others.enumerated().map { number, judge in
                Measure(
                    title: "ASR \(judge.name)", key: "asr_\(judge.key)", by: .other(number),
                    rate: \AttackSuccess.others[number])
            }
    }

    private static let standard: [Measure] = [
        .init(title: "ASR", key: "asr", by: .own, rate: \.own),
        .init(title: "ASR coherent", key: "asr_coherent", by: .own, rate: \.ownCoherent),
        .init(title: "ASR phrase", key: "asr_phrase", by: .paper, rate: \.phrase),
        .init(title: "ASR paper", key: "asr_paper", by: .paper, rate: \.paper),
        .init(title: "ASR gated", key: "asr_gated", by: .paper, rate: \.gated),
        .init(title: "coherent", key: "coherent_harmful", by: .nobody, rate: \.coherent),
        .init(title: "degenerate", key: "degenerate_harmful", by: .nobody, rate: \.degenerate),
        .init(title: "unfinished", key: "unfinished_harmful", by: .nobody, rate: \.unfinished),
    ]

    /// Those that tables show: what none of the answers did has no column.
    package static func columns(_ results: [ConditionResult], _ judges: Judges) -> [Measure] {
        let thinks = results.contains { $0.attacks.contains { $0.success.unfinished.any.value > 0 } }
        return measures(judges).filter { $0.key != "unfinished_harmful" || thinks }
    }

    /// Every number by its key, under the setting's name where the study has several.
    package func estimates(named: Bool, _ judges: Judges) -> [MeasureRow] {
        func list(_ success: AttackSuccess, _ prefix: String) -> [MeasureRow] {
            Self.measures(judges).flatMap { measure in
                let rate = success[keyPath: measure.rate]
                let judge = measure.judge(judges)
                return MeasureRow.rows("\(prefix)\(measure.key)", rate, judge: judge)
            }
        }
        let prefix = named ? "\(setting.name)." : ""
        let own =
            list(success, prefix)
            + byLength.flatMap { part in
                MeasureRow.rows("\(prefix)asr_at_\(part.length)", part.own, judge: judges.own.name)
                    + MeasureRow.rows("\(prefix)asr_paper_at_\(part.length)", part.paper, judge: judges.paper.name)
            }
        guard setting.suffixes != nil else { return own }
        return own
            + bySuffix.enumerated().flatMap { list($1, "\(prefix)suffix_\($0 + 1).") }
    }
}

extension AttackSetting {
    /// For reports.
    package var title: String {
        let system = isChat ? "system prompt: \(system?.word ?? "the study's")" : "outside the chat template"
        let samples = temperature == 0 ? "greedy" : "\(samples) at temperature \(temperature)"
        return ([kind.rawValue, samples, system] + (suffixes.map { ["suffixes of \($0)"] } ?? [])).joined(
            separator: ", ")
    }
}
