import Datasets
import Evaluation
import ModelService
import Protocol
import Selection
import StudyFile
import Tensors

/// What is asked, how the fleet answers it, and how answers are rated.
extension Evaluator {
    /// All prompts that are put to a model: each harmful prompt once per attack setting and suffix, each harmless prompt once as
    /// a chat turn; and where a setting works outside the chat template, each harmless prompt without it, for that floor.
    static func ask(
        _ harmful: [String], _ harmless: [String], _ attacks: [AttackSetting], codec: any TextCodec,
        _ files: DataFiles
    ) throws(InputError) -> [AskedPrompt] {
        var asked: [AskedPrompt] = []
        for (number, setting) in attacks.enumerated() {
            let suffixes: [String?] =
                try setting.suffixes.map { file throws(InputError) in
                    try files.suffixes(file).map { .some($0) }
                } ?? [nil]
            // Settings draw apart, whatever their order; 12 bits of the name are enough for that.
            let own =
                setting.name == AttackSetting.Kind.vanilla.rawValue
                ? 0 : RandomStream(seed: 0, name: "attack/\(setting.name)").bits(0) << 52
            for (suffix, text) in suffixes.enumerated() {
                for (index, prompt) in harmful.enumerated() {
                    asked.append(
                        AskedPrompt(
                            purpose: .attack(number), prompt: index,
                            question: AttackSetting.question(prompt, suffix: text), suffix: suffix,
                            isChat: setting.isChat,
                            tokens: try setting.tokens(prompt, suffix: text, codec: codec),
                            stream: own | UInt64(suffix) << 40 | UInt64(index) << 20))
                }
            }
        }
        for (index, prompt) in harmless.enumerated() {
            asked.append(
                AskedPrompt(
                    purpose: .harmless, prompt: index, question: prompt, tokens: try codec.prompt(prompt),
                    stream: UInt64(harmful.count + index) << 20))
        }
        guard let setting = attacks.first(where: { !$0.isChat }), !harmless.isEmpty else { return asked }
        for (index, prompt) in harmless.enumerated() {
            asked.append(
                AskedPrompt(
                    purpose: .calibration, prompt: index, isChat: false,
                    tokens: try setting.tokens(prompt, codec: codec), stream: 1 << 51 | UInt64(index) << 20))
        }
        return asked
    }

    /// What a condition answers.
    static func requests(_ asked: [AskedPrompt], _ plan: Study.EvaluationSettings) -> [AnswerRequest] {
        asked.enumerated().flatMap { index, item in
            switch item.purpose {
            case .attack(let number):
                let setting = plan.settings[number]
                return (0..<setting.samples).map {
                    AnswerRequest(
                        asked: index, sample: $0, temperature: setting.temperature,
                        maxNewTokens: setting.maxNewTokens ?? plan.maxNewTokens)
                }
            case .harmless:
                return (0..<plan.samples).map {
                    AnswerRequest(
                        asked: index, sample: $0, temperature: plan.temperature, maxNewTokens: plan.maxNewTokens)
                }
            case .calibration: return []
            }
        }
    }

    /// At least this many answers make a floor.
    private static let calibrationAnswers = 20

    /// Answers to the harmless prompts, which are ordinary text, or to the harmful ones where there are no others; inside
    /// chats and outside, where both are asked.
    var calibrationRequests: [AnswerRequest] {
        [true, false].flatMap { isChat -> [AnswerRequest] in
            guard attacks.contains(where: { $0.isChat == isChat }) else { return [] }
            let own = asked.indices.filter { asked[$0].isChat == isChat }
            let harmless = own.filter { [.harmless, .calibration].contains(asked[$0].purpose) }
            let first = attacks.firstIndex { $0.isChat == isChat }!
            let used = harmless.isEmpty ? own.filter { asked[$0].purpose == .attack(first) } : harmless
            let samples = (Self.calibrationAnswers + used.count - 1) / used.count
            // Bit 19 of the index gives them other random streams than the measured answers have.
            return used.flatMap { index in
                (0..<samples).map {
                    AnswerRequest(asked: index, sample: 1 << 19 | $0, temperature: 1, maxNewTokens: plan.maxNewTokens)
                }
            }
        }
    }

    /// Cuts requests into generation groups: neighbours that are answered alike, at most `groupPrompts` of them.
    func groups(_ requests: [AnswerRequest]) -> [TaskBody.Generation] {
        var groups: [TaskBody.Generation] = []
        var start = 0
        while start < requests.count {
            let first = requests[start]
            let end =
                requests[start...].prefix(plan.groupPrompts).firstIndex { !isLike($0, first) }
                ?? min(requests.count, start + plan.groupPrompts)
            let part = requests[start..<end]
            groups.append(
                TaskBody.Generation(
                    prompts: part.map { asked[$0.asked].tokens }, slots: plan.slots, maxNewTokens: first.maxNewTokens,
                    stopTokens: codec.stopTokens, temperature: Float(first.temperature), seed: seed,
                    streams: part.map { asked[$0.asked].stream | UInt64($0.sample) },
                    repetitionPenalty: Float(plan.repetitionPenalty)))
            start = end
        }
        return groups
    }

    /// Whether two may share a group: what a group begins with alike runs once, so chats and others stay apart.
    private func isLike(_ a: AnswerRequest, _ b: AnswerRequest) -> Bool {
        func system(_ request: AnswerRequest) -> AttackSetting? {
            guard case .attack(let number) = asked[request.asked].purpose, !plan.attacks.isEmpty else { return nil }
            return attacks[number]
        }
        return a.temperature == b.temperature && a.maxNewTokens == b.maxNewTokens
            && asked[a.asked].isChat == asked[b.asked].isChat && system(a)?.system == system(b)?.system
    }

    func generate(
        _ questions: Questions, _ runner: any ModelRunner, label: String
    ) async throws -> [AskedAnswer] {
        let requests = questions.requests + questions.sampled
        let answers = try await runner.generate(questions.groups, label: "\(label): answers")
        guard answers.count == requests.count else {
            throw InternalError("the fleet gave \(answers.count) answers to \(requests.count) prompts")
        }
        return zip(requests, answers).map { answer($0, $1) }
    }

    /// Reads an answer's tokens.
    func answer(_ request: AnswerRequest, _ tokens: [Int32]) -> AskedAnswer {
        let item = asked[request.asked]
        let (text, thinking) = codec.answer(to: item.tokens, tokens)
        var answer = Answer(
            prompt: item.prompt, suffix: item.suffix, text: text, tokens: tokens, thinking: thinking)
        if case .attack = item.purpose {
            for length in AnswerLength.standard where length < tokens.count {
                let (text, thinking) = codec.answer(to: item.tokens, Array(tokens.prefix(length)))
                answer.cuts.append(
                    AnswerCut(length: length, text: text, isUnfinished: thinking?.isUnfinished ?? false))
            }
        }
        return AskedAnswer(asked: item, answer: answer)
    }

    /// Lengths that attack success is told apart by, for every attack setting.
    package var lengths: [[Int]] {
        attacks.map { AnswerLength.lengths(upTo: $0.maxNewTokens ?? plan.maxNewTokens) }
    }

    /// What to say where answers are so short that late refusals go unseen; nothing where none are asked for.
    static func shortAnswers(_ requests: [AnswerRequest]) -> [String] {
        guard let least = requests.map(\.maxNewTokens).min(), least < AnswerLength.least else { return [] }
        return [
            "answers end after \(least) new tokens: what a model writes later, a refusal among it, is not judged; \(AnswerLength.least) or more (max_new_tokens) show more"
        ]
    }

    /// Log-probabilities as they are, all of them numbers.
    /// - Throws: `NoNumber`.
    static func finite(_ scores: [SequenceScore]) throws(NoNumber) -> [SequenceScore] {
        guard scores.allSatisfy({ $0.logProbabilities.allSatisfy(\.isFinite) }) else {
            throw NoNumber("a log-probability \(NotFinite.phrase)")
        }
        return scores
    }

    /// What the fleet is asked to rate answers.
    /// - Throws: `PackingError`.
    package func rating(of answers: [AskedAnswer]) throws -> RatingRequest {
        var groups: [SequenceGroup] = []
        var order: [Int] = []
        // What neighbours begin with alike runs once; chats and others begin apart.
        for isChat in [true, false] {
            let rated = answers.indices.filter {
                !answers[$0].answer.ownTokens.isEmpty && answers[$0].asked.isChat == isChat
            }
            let sequences = rated.map { index in
                let prompt = answers[index].asked.tokens
                let (tokens, own) = (answers[index].answer.tokens, answers[index].answer.ownTokens.count)
                return TokenSequence(tokens: prompt + tokens, scoredFrom: prompt.count + tokens.count - own)
            }
            groups += SequenceGroup.sharingPrefix(sequences, name: "answers", maximumTokens: batchTokens)
            order += rated
        }
        return RatingRequest(
            batches: try BatchPacking.pack(groups, maximumTokens: batchTokens, letsLargeAlone: true), order: order)
    }

    /// Answers that nobody knows yet, each as long as it may be; what they are rated with takes at least as long as the real
    /// ones. No two begin alike.
    package func standIns(_ questions: Questions) -> [AskedAnswer] {
        (questions.requests + questions.sampled).enumerated().map { index, request in
            let item = asked[request.asked]
            let tokens = [Int32(index)] + Array(repeating: 0, count: max(0, request.maxNewTokens - 1))
            return AskedAnswer(
                asked: item, answer: Answer(prompt: item.prompt, suffix: item.suffix, text: "", tokens: tokens))
        }
    }
}
