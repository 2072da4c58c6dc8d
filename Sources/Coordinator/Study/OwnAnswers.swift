package import Evaluation
import Protocol

/// The model's own answers as pairs (paper: safety-full).
package struct OwnAnswers {
    private let codec: any TextCodec
    private let judge: RefusalJudge
    private let seed: UInt64
    private let slots: Int
    private let groupPrompts: Int

    package init(codec: any TextCodec, judge: RefusalJudge, seed: UInt64, slots: Int, groupPrompts: Int) {
        self.codec = codec
        self.judge = judge
        self.seed = seed
        self.slots = slots
        self.groupPrompts = groupPrompts
    }

    /// Answers every prompt greedily and keeps what is asked for.
    ///
    /// Refusals are judged by phrase: the 20-word rule would keep any short answer.
    /// - Throws: `InputError` where nothing is kept.
    package func pairs(
        _ prompts: [String], source: String, keep: Study.Keep, maxNewTokens: Int, runner: any ModelRunner, label: String
    ) async throws -> [Pair] {
        let answers = try await runner.generate(groups(prompts, maxNewTokens: maxNewTokens), label: label)
        guard answers.count == prompts.count else {
            throw InternalError("the fleet gave \(answers.count) answers to \(prompts.count) prompts")
        }
        let pairs = kept(prompts, answers, source: source, keep: keep)
        guard !pairs.isEmpty else {
            throw InputError(
                source,
                "the model gave no \(keep == .refusals ? "refusal" : "answer") to \(prompts.count) prompts; give pairs instead"
            )
        }
        return pairs
    }

    /// What the fleet is asked.
    func groups(_ prompts: [String], maxNewTokens: Int) throws -> [TaskBody.Generation] {
        var groups: [TaskBody.Generation] = []
        for start in stride(from: 0, to: prompts.count, by: groupPrompts) {
            let part = start..<min(prompts.count, start + groupPrompts)
            groups.append(
                TaskBody.Generation(
                    prompts: try part.map { try codec.prompt(prompts[$0]) }, slots: slots, maxNewTokens: maxNewTokens,
                    stopTokens: codec.stopTokens, temperature: 0, seed: seed, streams: part.map { UInt64($0) }))
        }
        return groups
    }

    /// What is kept of the answers.
    func kept(_ prompts: [String], _ answers: [[Int32]], source: String, keep: Study.Keep) -> [Pair] {
        var pairs: [Pair] = []
        for (index, tokens) in answers.enumerated() {
            let text = codec.decode(tokens)
            guard !trimmed(text).isEmpty, keep == .all || judge.hasPhrase(text) else { continue }
            pairs.append(
                Pair(prompt: prompts[index], response: text, place: "\(source), answer to prompt \(index + 1)"))
        }
        return pairs
    }
}
