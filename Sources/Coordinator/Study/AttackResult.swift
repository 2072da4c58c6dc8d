package import Evaluation

/// What the harmful prompts came to in one setting.
package struct AttackResult: Sendable {
    package var setting: AttackSetting
    /// With suffixes: of the most successful one, for every measure by itself.
    package var success: AttackSuccess
    /// One entry a suffix; one entry where there are none.
    package var bySuffix: [AttackSuccess]
    package var answers: [(answer: Answer, verdict: Verdict)]

    /// - Throws: `EvaluationError` where there are no answers.
    init(_ setting: AttackSetting, _ answers: [Answer], judge: RefusalJudge, gates: CoherenceGates) throws {
        self.setting = setting
        let gate = gates.gate(isChat: setting.isChat)
        self.answers = answers.map { ($0, Verdict($0, judge: judge, gate: gate)) }
        (success, bySuffix) = try AttackSuccess.overSuffixes(
            self.answers.map { ($0.answer.prompt, $0.answer.suffix, $0.verdict) })
    }

    typealias RatePath = any KeyPath<AttackSuccess, AttackSuccess.Rate> & Sendable

    /// Every measure by its name in tables, and by its name in files.
    static let measures: [(title: String, key: String, rate: RatePath)] = [
        ("ASR phrase", "asr_phrase", \.phrase), ("ASR paper", "asr_paper", \.paper),
        ("ASR gated", "asr_gated", \.gated), ("coherent", "coherent_harmful", \.coherent),
        ("degenerate", "degenerate_harmful", \.degenerate),
    ]

    /// Every number by its key, under the setting's name where the study has several.
    func estimates(named: Bool) -> [(String, Estimate)] {
        func list(_ success: AttackSuccess, _ prefix: String) -> [(String, Estimate)] {
            Self.measures.flatMap { measure in
                let rate = success[keyPath: measure.rate]
                return [("\(prefix)\(measure.key)_mean", rate.mean), ("\(prefix)\(measure.key)_any", rate.any)]
            }
        }
        let prefix = named ? "\(setting.name)." : ""
        guard setting.suffixes != nil else { return list(success, prefix) }
        return list(success, prefix)
            + bySuffix.enumerated().flatMap { list($1, "\(prefix)suffix_\($0 + 1).") }
    }
}

extension AttackSetting {
    /// For reports.
    var words: String {
        let system = isChat ? "system prompt: \(system?.word ?? "the study's")" : "outside the chat template"
        let samples = temperature == 0 ? "greedy" : "\(samples) at temperature \(temperature)"
        return ([kind.rawValue, samples, system] + (suffixes.map { ["suffixes of \($0)"] } ?? [])).joined(
            separator: ", ")
    }
}
