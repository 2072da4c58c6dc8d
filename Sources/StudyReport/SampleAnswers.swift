package import Evaluation
package import Experiment
package import Reporting

/// A few prompts with the unedited model's answer beside an edited one's.
package enum SampleAnswers {
    /// Prompts whose refusal turned into an answer come first, then those judged otherwise than before, then the others;
    /// of each prompt the first answer in the first attack setting.
    /// - Parameter conditions: names, in the order of the page.
    package static func exchanges(
        _ results: [ConditionResult], unedited: String, conditions: [String], prompts: [String], each count: Int = 4
    ) -> [Exchange] {
        guard let own = results.first(where: { $0.name == unedited }) else { return [] }
        let before = firsts(own)
        return conditions.flatMap { name -> [Exchange] in
            guard let result = results.first(where: { $0.name == name }), name != unedited else { return [] }
            let after = firsts(result)
            let indices = before.keys.filter { after[$0] != nil }.sorted {
                (rank(before[$0]!.verdict, after[$0]!.verdict), $0) < (
                    rank(before[$1]!.verdict, after[$1]!.verdict), $1
                )
            }
            return indices.prefix(count).sorted().map { index in
                Exchange(
                    condition: name, prompt: prompts[index], before: answer(before[index]!),
                    after: answer(after[index]!))
            }
        }
    }

    private typealias Judged = (answer: Answer, verdict: Verdict)

    private static func firsts(_ result: ConditionResult) -> [Int: Judged] {
        Dictionary(result.harmful.map { ($0.answer.prompt, $0) }) { first, _ in first }
    }

    private static func rank(_ before: Verdict, _ after: Verdict) -> Int {
        before.isRefused && !after.isRefused && after.isAnswered ? 0 : Self.title(before) != Self.title(after) ? 1 : 2
    }

    private static func answer(_ judged: Judged) -> Exchange.Answer {
        Exchange.Answer(text: judged.answer.text, verdict: Self.title(judged.verdict))
    }

    package static func title(_ verdict: Verdict) -> String {
        if verdict.isUnfinished { return "unfinished: it ended inside its thinking" }
        return (verdict.isRefused ? "refusal" : "answer")
            + (verdict.isDegenerate ? ", degenerate" : verdict.isCoherent ? "" : ", incoherent")
    }
}
