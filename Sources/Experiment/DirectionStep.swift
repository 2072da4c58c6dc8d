package import Checkpoint
package import Datasets
import Evaluation
package import ModelService
package import Protocol
import Selection
package import StudyFile
import Tensors

/// The search for a study's refusal direction, as far as it is known before the run: prompts, positions, and what is asked
/// (arXiv 2406.11717, section 2.3 and appendix C).
package struct DirectionStep: Sendable {
    /// Prompts of one class, as text and as tokens.
    package struct Prompts: Sendable {
        package var texts: [String]
        package var tokens: [[Int32]]

        /// - Parameter isKept: of every prompt.
        func filtered(_ isKept: [Bool]) -> Prompts {
            let kept = texts.indices.filter { isKept[$0] }
            return Prompts(texts: kept.map { texts[$0] }, tokens: kept.map { tokens[$0] })
        }
    }

    /// By what becomes of them: means are taken of the training prompts, candidates are tried on the validation prompts.
    package struct Lists: Sendable {
        package var trainHarmful: Prompts
        package var trainHarmless: Prompts
        package var validationHarmful: Prompts
        package var validationHarmless: Prompts
    }

    package static let label = "refusal direction"
    /// Tokens of an own answer: enough for a judge to see a refusal.
    private static let answerTokens = 32

    package let plan: Study.DirectionPlan
    package let lists: Lists
    /// From the earliest to the last token.
    package let positions: [Int]
    /// The refusal tokens, where they are given.
    package let tokens: [Int32]?
    /// How the model's own refusals are asked for, where they are not.
    package let answers: [TaskBody.Generation]
    private let layers: Int
    private let vocabulary: Int
    private let batchTokens: Int
    private let blockExamples: Int

    /// - Throws: `InputError` where no block is left to try, a list is too short or shares a prompt with the other, a prompt is
    ///   longer than the model's context, a position none of the template's, or a token none of the model's.
    package init(
        _ plan: Study.DirectionPlan, study: Study, config: ModelConfig, codec: any TextCodec, _ files: DataFiles
    ) throws {
        self.plan = plan
        (layers, vocabulary) = (config.layerCount, config.vocabularySize)
        (batchTokens, blockExamples) = (study.batchTokens, study.blockExamples)
        try Self.checkLayers(plan, of: config)
        let harmful = try Self.split(plan.harmful, "harmful", plan, study, codec, files)
        let harmless = try Self.split(plan.harmless, "harmless", plan, study, codec, files)
        try PromptLists.checkDisjoint(
            harmful: harmful.train.texts + harmful.validation.texts,
            harmless: harmless.train.texts + harmless.validation.texts,
            files: (plan.harmful.file, plan.harmless.file), step: "refusal_direction")
        lists = Lists(
            trainHarmful: harmful.train, trainHarmless: harmless.train, validationHarmful: harmful.validation,
            validationHarmless: harmless.validation)
        positions = try Self.positions(plan, codec)
        tokens = try Self.tokens(plan, vocabulary: config.vocabularySize, codec)
        guard tokens == nil else {
            answers = []
            return
        }
        let asked = harmful.train
        for (text, prompt) in zip(asked.texts, asked.tokens) {
            try ContextLimit.check(
                prompt: prompt, text, new: Self.answerTokens, codec.longest, source: plan.harmful.file)
        }
        let size = study.evaluation.groupPrompts
        answers = stride(from: 0, to: asked.tokens.count, by: size).map { start in
            let part = start..<min(asked.tokens.count, start + size)
            return TaskBody.Generation(
                prompts: Array(asked.tokens[part]), slots: study.evaluation.slots, maxNewTokens: Self.answerTokens,
                stopTokens: codec.stopTokens, temperature: 0, seed: study.seed, streams: part.map { UInt64($0) })
        }
    }

    /// Draws the prompts of a list, and of these the ones to validate with.
    private static func split(
        _ set: Study.PromptSet, _ name: String, _ plan: Study.DirectionPlan, _ study: Study, _ codec: any TextCodec,
        _ files: DataFiles
    ) throws -> (train: Prompts, validation: Prompts) {
        let all = try set.read(seed: study.seed, name: "\(label) \(name)", files)
        let drawn = try Sampling.sample(
            all, count: plan.train + plan.validation, seed: study.seed, name: "\(label) \(name)", source: set.file)
        let held = Set(
            try Sampling.sample(
                Array(drawn.indices), count: plan.validation, seed: study.seed, name: "\(label) \(name) validation",
                source: set.file))
        func prompts(_ indices: [Int]) throws -> Prompts {
            let texts = indices.map { drawn[$0] }
            let tokens = try texts.map { text in
                let tokens = try codec.prompt(text)
                try ContextLimit.check(tokens.count, codec.longest, "the prompt \"\(text.prefix(40))…\"")
                return tokens
            }
            return Prompts(texts: texts, tokens: tokens)
        }
        return (
            try prompts(drawn.indices.filter { !held.contains($0) }), try prompts(drawn.indices.filter(held.contains))
        )
    }

    /// At the first block's input the template's tokens have no state but their embeddings, which are those of any prompt.
    private static func checkLayers(_ plan: Study.DirectionPlan, of config: ModelConfig) throws(InputError) {
        guard plan.rules.layerLimit(of: config.layerCount) <= 1 else { return }
        throw InputError(
            "refusal_direction.layers_below",
            "= \(plainNumber(plan.rules.layersBelow)) leaves no block of the model's \(config.layerCount) to try but the first, at whose input all prompts are alike"
        )
    }

    /// The tokens that the template puts after any instruction: what prompts of different texts end with alike.
    private static func tail(_ codec: any TextCodec) throws -> Int {
        let prompts = try ["a", "7", "Why?", "Stop.", "B)"].map { try codec.prompt($0) }
        var count = 0
        let least = prompts.map(\.count).min() ?? 0
        while count < least, Set(prompts.map { $0[$0.count - 1 - count] }).count == 1 { count += 1 }
        return count
    }

    private static func positions(_ plan: Study.DirectionPlan, _ codec: any TextCodec) throws -> [Int] {
        let tail = try tail(codec)
        guard let given = plan.positions else {
            guard tail > 0 else {
                throw InputError(
                    "refusal_direction", "the template puts no token after the instruction: choose another template")
            }
            return Array(-tail ... -1)
        }
        if let beyond = given.first(where: { -$0 > tail }) {
            throw InputError(
                "refusal_direction.positions",
                "\(beyond) is none of the \(tail) tokens that the template puts after the instruction")
        }
        return given
    }

    private static func tokens(
        _ plan: Study.DirectionPlan, vocabulary: Int, _ codec: any TextCodec
    ) throws(InputError) -> [Int32]? {
        guard case .given(let given) = plan.tokens else { return nil }
        var tokens: [Int32] = []
        for item in given {
            let (token, words): (Int32?, String)
            switch item {
            case .id(let id): (token, words) = (id < vocabulary ? id : nil, "\(id)")
            case .text(let text): (token, words) = (codec.encode(text).first, "\"\(text)\"")
            }
            guard let token else {
                throw InputError(
                    "refusal_direction.refusal_tokens", "\(words) is no token of the model, which has \(vocabulary)")
            }
            if !tokens.contains(token) { tokens.append(token) }
        }
        return tokens.sorted()
    }

    /// All that decides what the search asks.
    /// - Parameter judge: tells the model's own refusals.
    func words(judge: String) -> String {
        let prompts = [lists.trainHarmful, lists.trainHarmless, lists.validationHarmful, lists.validationHarmless]
        let known =
            tokens.map { "\($0)" } ?? "of \(judge), \(answers.first.map { "\($0.slots) \($0.prompts.count)" } ?? "")"
        let parts = [
            "direction", "\(tried)", "\(plan.isFiltered)", "\(positions)", known, "\(batchTokens)",
            "\(blockExamples)",
        ]
        return (parts + prompts.map { "\($0.tokens)" }).joined(separator: "; ")
    }

    // MARK: What is asked

    /// The layers whose candidates are tried; the rule leaves the others out.
    package var tried: Range<Int> { 0..<min(layers, plan.rules.layerLimit(of: layers)) }

    package var candidateCount: Int { positions.count * tried.count }

    /// Prompts as their next token is asked for.
    /// - Parameter isWhole: the whole distribution is, not some tokens of it.
    /// - Throws: `PackingError` where a prompt is larger than a batch.
    package func batches(_ prompts: Prompts, isWhole: Bool) throws -> [Batch] {
        try BatchPacking.prompts(
            prompts.tokens, vocabulary: isWhole ? vocabulary : nil, maximumTokens: batchTokens)
    }

    /// The statistic that the candidates are made of.
    package var request: StatisticRequest {
        StatisticRequest(
            name: ResidualState.name, options: ["positions": positions.map(String.init).joined(separator: ",")],
            classes: 2)
    }

    /// - Throws: `PackingError` where a prompt is larger than a batch.
    private func blocks(_ harmful: Prompts, _ harmless: Prompts) throws -> [[Batch]] {
        let sequences = [harmful, harmless].enumerated().flatMap { group, prompts in
            prompts.tokens.map { TokenSequence(tokens: $0, scoredFrom: $0.count, group: group) }
        }
        return try StatisticStep.blocks(sequences, blockExamples: blockExamples, batchTokens: batchTokens)
    }

    /// What collects the mean states.
    /// - Parameter output: where they go.
    /// - Throws: `PackingError` where a prompt is larger than a batch.
    package func means(_ lists: Lists, output: String) throws -> ScoreRequest {
        ScoreRequest(
            name: Self.label, statistics: [request], blocks: try blocks(lists.trainHarmful, lists.trainHarmless),
            output: output, isCached: true)
    }

    /// All prompts whose next token is looked at, as a plan counts them: none is taken to be filtered out. `tokens`: some
    /// tokens' probabilities are asked for; `distributions`: those of all tokens.
    /// - Throws: `PackingError` where a prompt is larger than a batch.
    package func questions() throws -> (tokens: [Batch], distributions: [Batch]) {
        let harmful = try batches(lists.validationHarmful, isWhole: false)
        let harmless = try batches(lists.validationHarmless, isWhole: false)
        let whole = try batches(lists.validationHarmless, isWhole: true)
        var (some, all) = ([Batch](), whole)
        if plan.isFiltered {
            some += try batches(lists.trainHarmful, isWhole: false) + batches(lists.trainHarmless, isWhole: false)
            some += harmful + harmless
        }
        for _ in 0..<candidateCount {
            some += harmful + harmless
            all += whole
        }
        return (some, all)
    }
}
