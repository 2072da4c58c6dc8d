package import Datasets
package import Evaluation
package import Protocol
package import StudyFile
package import Tensors

/// The model's own answers as pairs (paper: safety-full).
package struct SelfGeneratedAnswers {
    private let codec: any TextCodec
    fileprivate let judge: RefusalJudge
    private let seed: UInt64
    private let slots: Int
    private let groupPrompts: Int
    private let repetitionPenalty: Double

    package init(
        codec: any TextCodec, judge: RefusalJudge, seed: UInt64, slots: Int, groupPrompts: Int,
        repetitionPenalty: Double = 1
    ) {
        self.codec = codec
        self.judge = judge
        self.seed = seed
        self.slots = slots
        self.groupPrompts = groupPrompts
        self.repetitionPenalty = repetitionPenalty
    }

    /// Prompts, and how the fleet is asked to answer them: greedily, each once.
    package struct Request: Sendable {
        package let groups: [TaskBody.Generation]
        private let own: SelfGeneratedAnswers
        private let prompts: [String]
        private let source: String
        private let keep: Study.Keep

        fileprivate init(
            _ own: SelfGeneratedAnswers, _ prompts: [String], source: String, keep: Study.Keep,
            groups: [TaskBody.Generation]
        ) {
            (self.own, self.prompts, self.source, self.keep, self.groups) = (own, prompts, source, keep, groups)
        }

        /// The pairs of the model's answers, one a prompt. Judged, and kept, is what follows any thinking; an answer that
        /// ended inside its thinking is none.
        /// - Returns: the pairs, and how many answers ended inside their thinking, in words; empty where none did.
        /// - Throws: `InputError` where nothing is kept.
        package func pairs(_ answers: [[Int32]]) throws -> (pairs: [Pair], unfinished: String) {
            guard answers.count == prompts.count else {
                throw InternalError("the fleet gave \(answers.count) answers to \(prompts.count) prompts")
            }
            let pairs = try own.kept(prompts, answers, source: source, keep: keep)
            let unfinished = try own.unfinishedText(prompts, answers)
            guard !pairs.isEmpty else {
                throw InputError(
                    source,
                    "the model gave no \(keep == .refusals ? "refusal (judge: \(own.judge.name))" : "answer") to \(prompts.count) prompts\(unfinished); give pairs instead"
                )
            }
            return (pairs, unfinished)
        }
    }

    /// - Throws: `InputError` where a prompt and its answer are more than the model's context.
    package func request(
        _ prompts: [String], source: String, keep: Study.Keep, maxNewTokens: Int
    ) throws(InputError) -> Request {
        Request(
            self, prompts, source: source, keep: keep,
            groups: try groups(prompts, source: source, maxNewTokens: maxNewTokens))
    }

    private func groups(_ prompts: [String], source: String, maxNewTokens: Int) throws(InputError)
        -> [TaskBody.Generation]
    {
        var groups: [TaskBody.Generation] = []
        for prompt in prompts {
            try ContextLimit.check(
                prompt: try codec.prompt(prompt), prompt, new: maxNewTokens, codec.longest, source: source)
        }
        for start in stride(from: 0, to: prompts.count, by: groupPrompts) {
            let part = start..<min(prompts.count, start + groupPrompts)
            groups.append(
                TaskBody.Generation(
                    prompts: try part.map { (index) throws(InputError) in try codec.prompt(prompts[index]) },
                    slots: slots, maxNewTokens: maxNewTokens,
                    stopTokens: codec.stopTokens, temperature: 0, seed: seed, streams: part.map { UInt64($0) },
                    repetitionPenalty: Float(repetitionPenalty)))
        }
        return groups
    }

    /// How many answers ended inside their thinking, in words; empty where none did.
    fileprivate func unfinishedText(_ prompts: [String], _ answers: [[Int32]]) throws(InputError) -> String {
        let count = try zip(prompts, answers).count { (prompt, answer) throws(InputError) in
            codec.answer(to: try codec.prompt(prompt), answer).thinking?.isUnfinished ?? false
        }
        return count == 0 ? "" : " (\(count) ended inside their thinking: allow more new tokens)"
    }

    /// What is kept of the answers.
    fileprivate func kept(_ prompts: [String], _ answers: [[Int32]], source: String, keep: Study.Keep)
        throws(InputError)
        -> [Pair]
    {
        var pairs: [Pair] = []
        for (index, tokens) in answers.enumerated() {
            let text = codec.answer(to: try codec.prompt(prompts[index]), tokens).text
            guard !trimmed(text).isEmpty, keep == .all || judge.isRefusal(text) else { continue }
            pairs.append(
                Pair(prompt: prompts[index], response: text, place: "\(source), answer to prompt \(index + 1)"))
        }
        return pairs
    }
}
