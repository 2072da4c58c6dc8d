package import Datasets
import Evaluation
package import ModelService
import Protocol
import Selection
package import StudyFile
import Tensors

/// Asks one condition's model everything the plan names: one generation job and one likelihood job. The answers' coherence
/// is rated by one more likelihood job on the unedited model.
///
/// What shares a batch or a generation group is cut here, from the plan alone, so no number depends on the fleet.
package struct Evaluator: Sendable {
    package let harmful: [String]
    package let harmless: [String]
    /// How the harmful prompts are put; one where the plan lists none.
    package let attacks: [AttackSetting]
    /// What the user should know of the data.
    package let warnings: [String]
    /// Answers and multiple-choice questions of a condition.
    package let answersPerCondition: Int
    package var questionsPerCondition: Int { questions?.documents.count ?? 0 }
    let plan: Study.EvaluationSettings
    let seed: UInt64
    let batchTokens: Int
    let codec: any TextCodec
    /// Tokens of the model; `nil`: not known.
    let vocabulary: Int?
    /// Of the study; `nil`: it names none, or the model's own refusals tell.
    let refusalTokens: [Int32]?
    private let questions: MultipleChoice?
    private let perplexity: Perplexity?
    /// All that is ever asked, and the requests of a condition among it.
    var asked: [AskedPrompt]
    let requests: [AnswerRequest]

    /// Reads and tokenises every file of the plan, so that bad input ends a run before it begins.
    /// - Parameters:
    ///   - maxPositions: the model's longest sequence.
    ///   - vocabulary: its tokens; `nil`: whole distributions are taken to be small.
    ///   - files: reads the files, and counts what of them cannot be asked.
    /// - Throws: `InputError`, `EvaluationError`, `PackingError`.
    package init(
        _ plan: Study.EvaluationSettings, seed: UInt64, batchTokens: Int, maxPositions: Int, vocabulary: Int? = nil,
        codec: any TextCodec, files: DataFiles = DataFiles()
    ) throws {
        self.plan = plan
        self.seed = seed
        self.batchTokens = batchTokens
        self.codec = codec
        self.vocabulary = vocabulary
        refusalTokens = try Self.refusalTokens(plan.refusalTokens, codec: codec, vocabulary: vocabulary)
        harmful = try plan.harmful?.read(seed: seed, name: "harmful", files) ?? []
        harmless = try plan.harmless?.read(seed: seed, name: "harmless", files) ?? []
        attacks = harmful.isEmpty ? [] : plan.settings
        asked = try Self.ask(harmful, harmless, attacks, codec: codec, files)
        requests = Self.requests(asked, plan)
        answersPerCondition = requests.count
        try Self.check(requests, asked, (harmful, harmless), plan: plan, longest: maxPositions)
        questions = try Self.questions(
            plan, longest: min(plan.zeroShot?.maxLength ?? maxPositions, maxPositions), batchTokens: batchTokens,
            codec: codec, files)
        let shortened = questions?.shortened ?? 0
        let cut =
            shortened == 0
            ? []
            : [
                "the start of \(shortened) question\(shortened == 1 ? "" : "s") was cut off: the model reads \(min(plan.zeroShot?.maxLength ?? maxPositions, maxPositions)) tokens"
            ]
        warnings = cut + Self.shortAnswers(requests)
        perplexity = try plan.perplexity.map { text in
            let window = try Self.window(text, batchTokens: batchTokens, maxPositions: maxPositions)
            let tokens = codec.encode(try files.text(text.file))
            return try Perplexity(tokens, window: window, maximumTokens: text.maxTokens, source: text.file)
        }
    }

    /// - Throws: `InputError` where a prompt and its answer are more than the model's context.
    static func check(
        _ requests: [AnswerRequest], _ asked: [AskedPrompt], _ prompts: (harmful: [String], harmless: [String]),
        plan: Study.EvaluationSettings, longest: Int
    ) throws(InputError) {
        for request in requests {
            let item = asked[request.asked]
            let isHarmless = item.purpose == .harmless
            let text = (isHarmless ? prompts.harmless : prompts.harmful)[item.prompt]
            guard !item.tokens.isEmpty else {
                throw InputError(
                    "prompt \"\(text.prefix(40))\"", "has no tokens: this tokenizer knows none of it")
            }
            try ContextLimit.check(
                prompt: item.tokens, text, new: request.maxNewTokens, longest,
                source: (isHarmless ? plan.harmless : plan.harmful)?.file ?? "prompts")
        }
    }

    /// Tokens of a window of perplexity: what was asked for, or as many as the model and a batch hold.
    /// - Throws: `InputError` where the model or a batch holds less than was asked for.
    private static func window(
        _ text: Study.PerplexityText, batchTokens: Int, maxPositions: Int
    ) throws(InputError) -> Int {
        guard let window = text.window else { return min(batchTokens, maxPositions) }
        for (limit, what) in [(maxPositions, "the model's context"), (batchTokens, "batch_tokens")]
        where window > limit {
            throw InputError(text.file, "a perplexity window of \(window) tokens is more than \(what), \(limit)")
        }
        return window
    }

    private static func questions(
        _ plan: Study.EvaluationSettings, longest: Int, batchTokens: Int, codec: any TextCodec,
        _ files: DataFiles
    ) throws -> MultipleChoice? {
        func fault(_ document: TaskDocument) throws -> EvaluationError? {
            do { _ = try MultipleChoice([document], maximumLength: longest) { codec.encode($0) } } catch {
                guard let fault = error as? EvaluationError else { throw error }
                return fault
            }
            return nil
        }
        var documents: [TaskDocument] = []
        for file in plan.tasks { documents += try files.tasks(file, limit: plan.taskLimit, fault: fault) }
        if let zeroShot = plan.zeroShot {
            for task in zeroShot.tasks { documents += try files.zeroShot(task, zeroShot, fault: fault) }
        }
        guard !documents.isEmpty else { return nil }
        return try MultipleChoice(documents, maximumLength: longest, batchTokens: batchTokens) { codec.encode($0) }
    }

    /// What a condition is asked. It is made here, of the plan alone, so no number depends on the fleet.
    /// - Parameter isUnedited: with the answers that the floor of coherence is calibrated on.
    /// - Throws: `PackingError`.
    package func questions(isUnedited: Bool = false) throws -> Questions {
        let sampled = isUnedited && !attacks.isEmpty && plan.coherenceFloor == nil ? calibrationRequests : []
        return Questions(
            requests: requests, sampled: sampled, groups: groups(requests) + groups(sampled),
            batches: try likelihoodBatches(), firstTokens: try firstTokenQuestions())
    }

    /// Multiple-choice questions and text, as they are computed.
    private func likelihoodBatches() throws -> [Batch] {
        let groups = (questions?.groups ?? []) + (perplexity?.groups ?? [])
        guard !groups.isEmpty else { return [] }
        // A question may be as long as the model's context, whatever a batch holds.
        return try BatchPacking.pack(groups, maximumTokens: batchTokens, letsLargeAlone: true)
    }

    /// Measures the current model; the answers' likelihoods come with `rate`.
    /// - Throws: what the runner throws; `NoNumber` where a log-probability is no finite number.
    package func measure(
        _ questions: Questions, _ runner: any ModelRunner, label: String
    ) async throws -> Measurement {
        var measurement = Measurement()
        if !questions.requests.isEmpty {
            let answers = try await generate(questions, runner, label: label)
            measurement.answers = Array(answers.prefix(questions.requests.count))
            measurement.sampled = Array(answers.dropFirst(questions.requests.count))
        }
        let batches = questions.batches
        guard !batches.isEmpty else { return measurement }
        let scores = try Self.finite(try await runner.likelihood(batches, label: "\(label): tasks and perplexity"))
        let choices = self.questions?.groups.reduce(0) { $0 + $1.sequences.count } ?? 0
        if let questions = self.questions {
            let results = questions.results(Array(scores[..<choices]))
            measurement.tasks = TaskAccuracy.all(questions, results)
            measurement.questions = Array(zip(questions.documents, results))
            let names = plan.zeroShot?.tasks.map(\.rawValue) ?? []
            let paper = measurement.tasks.filter { names.contains($0.task) }
            if paper.count > 1 { measurement.zeroShot = TaskAccuracy.mean(paper) }
            let counted = (paper.count > 1 ? paper : measurement.tasks).map(\.task)
            measurement.accuracy = Measurement.accuracy(measurement.questions, of: counted)
        }
        if let perplexity {
            measurement.perplexity = perplexity.estimate(Array(scores[choices...]))
            measurement.windows = perplexity.windows(Array(scores[choices...]))
        }
        return measurement
    }

    /// Adds the mean log-likelihood, under the current model, of every answer: what the coherence gate judges. The current
    /// model has to be the unedited one.
    /// - Returns: the same measurement, every answer with its mean log-likelihood in nats a token.
    /// - Throws: what the runner throws; `PackingError` where an answer is larger than a batch; `NoNumber` where a
    ///   log-probability is no finite number.
    package func rate(_ measurement: Measurement, _ runner: any ModelRunner, label: String) async throws -> Measurement
    {
        let answers = measurement.answers + measurement.sampled
        let request = try rating(of: answers)
        guard !request.batches.isEmpty else { return measurement }
        let scores = try await runner.likelihood(request.batches, label: "\(label): coherence")
        let rated = request.rated(answers, by: try Self.finite(scores))
        var result = measurement
        result.answers = Array(rated.prefix(measurement.answers.count))
        result.sampled = Array(rated.dropFirst(measurement.answers.count))
        return result
    }

    /// The gates' floors, of the unedited model's rated measurement.
    ///
    /// A floor is calibrated on answers *sampled* at temperature 1: they show how likely a model finds ordinary text
    /// of its own. Greedy answers are each step's likeliest token, so most fluent text of an edited model lies below them.
    package func gates(_ unedited: Measurement) -> CoherenceGates {
        CoherenceGates(unedited.sampled, asked: asked, stated: plan.coherenceFloor)
    }
}
