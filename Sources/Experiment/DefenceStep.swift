import Datasets
package import Evaluation
import ModelService
package import Protocol
package import StudyFile
package import Tensors

/// The evaluation's prompts, put through a defence in the prompt, in one or two rounds of generation.
///
/// | strategy | first round | second round |
/// |---|---|---|
/// | `instruction`, `exemplars` | the answers | |
/// | `self_check_prompt`, `self_check_answer` | the answers, as without a defence | the verdicts |
/// | `knowledge` | the knowledge | the answers |
///
/// A round that follows another is made of its answers by `second`; the plan, which knows none, counts `standIns`. Verdicts
/// and knowledge are asked for greedily, as a user's turn with the study's system prompt (ours).
package struct DefenceStep: Sendable {
    package let strategy: PromptStrategy
    /// The condition whose model it is; `nil`: the unedited one.
    package let base: Study.Condition?
    package let first: [TaskBody.Generation]
    /// Puts the prompts as far as they are known before the first round.
    private let evaluator: Evaluator
    private let method: DefenceMethod
    private let longest: Int
    /// The condition, in errors.
    private let place: String

    /// - Parameters:
    ///   - evaluator: puts the prompts as they are.
    ///   - longest: positions of the model.
    /// - Throws: `InputError` where a file cannot be read, a prompt is too long with what stands around it, or a judge does
    ///   not call the abstention a refusal.
    init(
        _ method: DefenceMethod, of name: String, study: Study, evaluator: Evaluator, judges: Judges, longest: Int,
        _ files: DataFiles
    ) throws(InputError) {
        (self.method, self.longest, place) = (method, longest, "condition \(name)")
        let strategy = try method.strategy(files)
        self.strategy = strategy
        base = study.base(of: method).flatMap { $0.isUnedited ? nil : $0 }
        if let abstention = strategy.check?.abstention {
            for judge in [judges.own, judges.paper] + judges.others where !judge.isRefusal(abstention) {
                throw InputError(
                    place,
                    "the judge \(judge.name) does not call the abstention \"\(abstention)\" a refusal: give another")
            }
        }
        self.evaluator = try evaluator.putting { strategy.prompt(evaluator.asked[$0].question) }
        guard strategy.request != nil else {
            first = self.evaluator.groups(evaluator.requests)
            try self.evaluator.checkLengths(longest)
            _ = try secondStandIns()
            return
        }
        var prompts: [[Int32]] = []
        for index in Self.put(evaluator) {
            let text = strategy.asksForKnowledge(of: evaluator.asked[index].question) ?? ""
            prompts.append(try Self.chat(text, evaluator, new: method.newTokens, longest, place))
        }
        first = Self.groups(prompts, new: method.newTokens, evaluator)
        _ = try secondStandIns()
    }

    /// The prompts that are put, each once whatever the number of its samples.
    private static func put(_ evaluator: Evaluator) -> [Int] {
        evaluator.asked.indices.filter { evaluator.asked[$0].purpose != .calibration }
    }

    // MARK: The second round

    /// What is asked second, by what the first round said; empty where one round is enough.
    /// - Parameter first: one answer a prompt of `first`.
    /// - Throws: `InputError` where a request made of an answer is more than the model's context.
    package func second(_ first: [[Int32]]) throws(InputError) -> [TaskBody.Generation] {
        if let check = strategy.check {
            let texts = checked(by: check, first)
            var prompts: [[Int32]] = []
            for text in texts {
                prompts.append(try Self.chat(text, evaluator, new: method.newTokens, longest, place))
            }
            return Self.groups(prompts, new: method.newTokens, evaluator)
        }
        guard strategy.request != nil else { return [] }
        let informed = try informed(by: first)
        try informed.checkLengths(longest)
        return informed.groups(evaluator.requests)
    }

    /// The same for a plan, every answer as long as it may be.
    /// - Throws: `InputError` where that is more than the model's context.
    package func secondStandIns() throws(InputError) -> [TaskBody.Generation] {
        if let check = strategy.check {
            let none = evaluator.requests.map { _ in [Int32]() }
            var prompts: [[Int32]] = []
            for (index, text) in checked(by: check, none).enumerated() {
                let more = check.part == .answer ? evaluator.requests[index].maxNewTokens : 0
                let prompt = try Self.chat(text, evaluator, new: method.newTokens + more, longest, place)
                prompts.append(prompt + [Int32](repeating: 0, count: more))
            }
            return Self.groups(prompts, new: method.newTokens, evaluator)
        }
        guard strategy.request != nil else { return [] }
        let informed = try standInEvaluator()
        try informed.checkLengths(longest)
        return informed.groups(evaluator.requests)
    }

    /// Puts the prompts with knowledge that is as long as it may be.
    private func standInEvaluator() throws(InputError) -> Evaluator {
        guard strategy.request != nil else { return evaluator }
        // A letter in its place, so that what stands around it is counted.
        var own = try evaluator.putting { strategy.prompt(evaluator.asked[$0].question, knowledge: "x") }
        for index in Self.put(evaluator) {
            own.asked[index].tokens += [Int32](repeating: 0, count: method.newTokens)
        }
        return own
    }

    /// Questions of verdicts: of prompts one each, of answers one a request.
    private func checked(by check: SelfCheck, _ answers: [[Int32]]) -> [String] {
        switch check.part {
        case .prompt: Self.put(evaluator).map { check.asks(of: evaluator.asked[$0].question) }
        case .answer:
            zip(evaluator.requests, answers).map { request, tokens in
                check.asks(
                    of: evaluator.asked[request.asked].question, answer: evaluator.answer(request, tokens).answer.text)
            }
        }
    }

    /// What the model wrote about each prompt that is put, after any thinking; empty where that did not end.
    private func knowledge(_ first: [[Int32]]) throws(InputError) -> [Int: String] {
        var texts: [Int: String] = [:]
        for (index, tokens) in zip(Self.put(evaluator), first) {
            let text = strategy.asksForKnowledge(of: evaluator.asked[index].question) ?? ""
            texts[index] = trimmed(evaluator.codec.answer(to: try evaluator.codec.prompt(text), tokens).text)
        }
        return texts
    }

    private func informed(by first: [[Int32]]) throws(InputError) -> Evaluator {
        let texts = try knowledge(first)
        return try evaluator.putting { strategy.prompt(evaluator.asked[$0].question, knowledge: texts[$0] ?? "") }
    }

    // MARK: Requests

    /// A user's turn.
    /// - Throws: `InputError` where it and its answer are more than the model's context.
    private static func chat(
        _ text: String, _ evaluator: Evaluator, new: Int, _ longest: Int, _ place: String
    ) throws(InputError) -> [Int32] {
        let tokens = try evaluator.codec.prompt(text)
        try ContextLimit.check(prompt: tokens, text, new: new, longest, source: place)
        return tokens
    }

    private static func groups(_ prompts: [[Int32]], new: Int, _ evaluator: Evaluator) -> [TaskBody.Generation] {
        let size = evaluator.plan.groupPrompts
        return stride(from: 0, to: prompts.count, by: size).map { start in
            let part = start..<min(prompts.count, start + size)
            return TaskBody.Generation(
                prompts: Array(prompts[part]), slots: evaluator.plan.slots, maxNewTokens: new,
                stopTokens: evaluator.codec.stopTokens, temperature: 0, seed: evaluator.seed,
                streams: part.map { UInt64($0) })
        }
    }

    // MARK: Answers

    /// Puts all prompts to the current model, which has to be the base's.
    /// - Throws: what the runner throws; `InputError` as `second`.
    func measure(_ runner: any ModelRunner, label: String) async throws -> Measurement {
        let (before, after) = labels
        let one = try await Self.generate(first, runner, "\(label): \(before)")
        let two = try await Self.generate(try second(one), runner, "\(label): \(after)")
        return Measurement(answers: try answers(one, two))
    }

    /// What the two rounds are called.
    package var labels: (first: String, second: String) {
        strategy.check != nil
            ? ("answers", "verdicts") : strategy.request != nil ? ("knowledge", "answers") : ("answers", "")
    }

    private static func generate(
        _ groups: [TaskBody.Generation], _ runner: any ModelRunner, _ label: String
    ) async throws -> [[Int32]] {
        guard !groups.isEmpty else { return [] }
        let answers = try await runner.generate(groups, label: label)
        let count = groups.reduce(0) { $0 + $1.prompts.count }
        guard answers.count == count else {
            throw InternalError("the fleet gave \(answers.count) answers to \(count) prompts")
        }
        return answers
    }

    /// The condition's answers, of what both rounds said.
    /// - Returns: one a request, each with what the model wrote beside it; what a check holds back is the abstention.
    func answers(_ first: [[Int32]], _ second: [[Int32]]) throws(InputError) -> [AskedAnswer] {
        if let check = strategy.check { return try gated(first, by: check, second) }
        guard strategy.request != nil else { return zip(evaluator.requests, first).map { evaluator.answer($0, $1) } }
        let informed = try informed(by: first)
        let texts = try knowledge(first)
        return zip(evaluator.requests, second).map { request, tokens in
            var own = informed.answer(request, tokens)
            own.answer.aside = texts[request.asked]
            return own
        }
    }

    private func gated(
        _ answers: [[Int32]], by check: SelfCheck, _ verdicts: [[Int32]]
    ) throws(InputError) -> [AskedAnswer] {
        let texts = checked(by: check, answers)
        let places = Dictionary(
            uniqueKeysWithValues: Self.put(evaluator).enumerated().map { ($0.element, $0.offset) })
        let abstention = evaluator.codec.encode(check.abstention)
        var gated: [AskedAnswer] = []
        for (index, request) in evaluator.requests.enumerated() {
            let place = check.part == .answer ? index : places[request.asked] ?? index
            let prompt = try evaluator.codec.prompt(texts[place])
            let said = evaluator.codec.answer(to: prompt, verdicts[place]).text
            var own = evaluator.answer(request, answers[index])
            if !SelfCheck.passes(SelfCheck.verdict(said)) {
                // It is given at once, so it has no cuts.
                own.answer = Answer(
                    prompt: own.answer.prompt, suffix: own.answer.suffix, text: check.abstention, tokens: abstention)
            }
            own.answer.aside = said
            gated.append(own)
        }
        return gated
    }

    /// Answers that nobody knows yet, for the plan of their rating.
    package func standInAnswers() throws(InputError) -> [AskedAnswer] {
        let own = try standInEvaluator()
        return own.standIns(Questions(requests: own.requests, sampled: [], groups: [], batches: []))
    }

    /// What the model is asked, as a plan counts it.
    func questions() throws(InputError) -> Questions {
        Questions(requests: [], sampled: [], groups: first + (try secondStandIns()), batches: [])
    }
}

extension Evaluator {
    /// The same questions in other words.
    /// - Parameter text: by the index of a prompt, what is put in its question's place.
    /// - Throws: `InputError` where the chat template refuses it.
    func putting(_ text: (Int) -> String) throws(InputError) -> Evaluator {
        var own = self
        for index in asked.indices {
            switch asked[index].purpose {
            case .attack(let number): own.asked[index].tokens = try attacks[number].tokens(text(index), codec: codec)
            case .harmless: own.asked[index].tokens = try codec.prompt(text(index))
            case .calibration: break
            }
        }
        return own
    }

    /// - Throws: `InputError` where a prompt and its answer are more than the model's context.
    func checkLengths(_ longest: Int) throws(InputError) {
        try Self.check(requests, asked, (harmful, harmless), plan: plan, longest: longest)
    }
}
