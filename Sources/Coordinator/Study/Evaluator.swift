package import Evaluation
import Protocol

/// Everything measured of one condition.
package struct Measurement: Sendable {
    package var harmful: [Answer] = []
    package var harmless: [Answer] = []
    package var tasks: [TaskAccuracy] = []
    /// Mean acc over the zero-shot tasks, where there are several.
    package var zeroShot: Estimate?
    package var questions: [(document: TaskDocument, result: MultipleChoice.Result)] = []
    package var perplexity: Estimate?
}

/// Asks one condition's model everything the plan names: one generation job and one likelihood job.
///
/// What shares a batch or a generation group is cut here, from the plan alone, so no number depends on the fleet.
package struct Evaluator: Sendable {
    package let harmful: [String]
    package let harmless: [String]
    private let plan: Study.EvaluationPlan
    private let seed: UInt64
    private let batchTokens: Int
    private let codec: any TextCodec
    private let questions: MultipleChoice?
    /// What the user should know of the data.
    package let warnings: [String]
    private let perplexity: Perplexity?
    /// Prompt tokens of the harmful prompts, then of the harmless ones.
    private let prompts: [[Int32]]

    /// Reads and tokenises every file of the plan, so that bad input ends a run before it begins.
    /// - Parameter maxPositions: the model's longest sequence.
    /// - Throws: `InputError`, `EvaluationError`, `PackingError`.
    package init(
        _ plan: Study.EvaluationPlan, seed: UInt64, batchTokens: Int, maxPositions: Int, codec: any TextCodec
    ) throws {
        self.plan = plan
        self.seed = seed
        self.batchTokens = batchTokens
        self.codec = codec
        harmful = try Self.prompts(plan.harmful, seed: seed, name: "harmful")
        harmless = try Self.prompts(plan.harmless, seed: seed, name: "harmless")
        prompts = (harmful + harmless).map(codec.prompt)
        let longest = min(batchTokens, maxPositions)
        for (text, tokens) in zip(harmful + harmless, prompts) where tokens.count + plan.maxNewTokens > longest {
            throw InputError(
                "prompt \"\(text.prefix(40))…\"",
                "\(tokens.count) tokens and \(plan.maxNewTokens) new ones exceed the limit of \(longest)")
        }
        let room = min(batchTokens - 1, maxPositions)
        questions = try Self.questions(plan, longest: min(plan.zeroShot?.maxLength ?? room, room), codec: codec)
        let shortened = questions?.shortened ?? 0
        warnings =
            shortened == 0
            ? []
            : ["the start of \(shortened) question\(shortened == 1 ? "" : "s") was cut off: no room for all tokens"]
        perplexity = try plan.perplexity.map { text in
            let tokens = codec.encode(try PlainText.read(text.file))
            return try Perplexity(
                tokens, window: min(text.window ?? longest, longest), maximumTokens: text.maxTokens, source: text.file)
        }
    }

    private static func questions(
        _ plan: Study.EvaluationPlan, longest: Int, codec: any TextCodec
    ) throws -> MultipleChoice? {
        var documents: [TaskDocument] = []
        for file in plan.tasks {
            let all = try TaskDocument.parse(
                try TextFile.read(file), source: file, defaultTask: Paths.stem(of: file))
            documents += all.prefix(plan.taskLimit ?? all.count)
        }
        if let zeroShot = plan.zeroShot {
            for task in zeroShot.tasks {
                let file = "\(zeroShot.documents)/\(task.rawValue).jsonl"
                documents += try task.documents(
                    try TextFile.read(file), source: file, limit: zeroShot.limit, seed: zeroShot.seed)
            }
        }
        return documents.isEmpty ? nil : try MultipleChoice(documents, maximumLength: longest) { codec.encode($0) }
    }

    private static func prompts(_ set: Study.PromptSet?, seed: UInt64, name: String) throws(InputError) -> [String] {
        guard let set else { return [] }
        return try Sampling.sample(
            try PromptFile.read(set.file), count: set.samples, seed: seed, name: name, source: set.file)
    }

    /// Measures the model as it is now; the answers' likelihoods come with `rate`.
    package func measure(_ runner: any ModelRunner, label: String) async throws -> Measurement {
        try await measure(runner, label: label, and: []).measurement
    }

    /// Measures the unedited model, which has to be the current one, rates its answers, and sets the gate's floor.
    ///
    /// The floor is calibrated on answers *sampled* at temperature 1: they show how likely a model finds ordinary text
    /// of its own. Greedy answers are each step's likeliest token, so most fluent text of an edited model lies below them.
    package func measureUnedited(
        _ runner: any ModelRunner, label: String
    ) async throws -> (Measurement, CoherenceGate) {
        let requests = harmful.isEmpty || plan.coherenceFloor != nil ? [] : calibrationRequests
        var (measurement, sampled) = try await measure(runner, label: label, and: requests)
        (measurement, sampled) = try await rate(measurement, and: sampled, runner, label: label)
        // Without a single answer there is nothing to gate.
        let gate =
            plan.coherenceFloor.map { CoherenceGate(floor: $0) }
            ?? CoherenceGate(calibratedOn: sampled.compactMap(\.meanLogLikelihood))
            ?? CoherenceGate(floor: -.greatestFiniteMagnitude)
        return (measurement, gate)
    }

    /// One answer of one prompt.
    private struct Request {
        var prompt: Int
        var sample: Int
        var temperature: Double
    }

    /// At least this many answers make the floor.
    private static let calibrationAnswers = 20

    /// The harmless prompts, whose answers are ordinary text; the harmful ones where there are no others.
    private var calibrationRequests: [Request] {
        let used = harmless.isEmpty ? 0..<harmful.count : harmful.count..<prompts.count
        let samples = (Self.calibrationAnswers + used.count - 1) / used.count
        // Numbers of their own, so that the draws differ from the measured answers'.
        return used.flatMap { prompt in
            (0..<samples).map { Request(prompt: prompt, sample: 1 << 19 | $0, temperature: 1) }
        }
    }

    private func measure(
        _ runner: any ModelRunner, label: String, and calibration: [Request]
    ) async throws -> (measurement: Measurement, calibration: [Answer]) {
        var measurement = Measurement()
        var sampled: [Answer] = []
        if !prompts.isEmpty {
            let requests = prompts.indices.flatMap { prompt in
                (0..<plan.samples).map { Request(prompt: prompt, sample: $0, temperature: plan.temperature) }
            }
            let answers = try await generate(groups(requests) + groups(calibration), runner, label: label)
            sampled = Array(answers.dropFirst(requests.count))
            measurement.harmful = answers.prefix(requests.count).filter { $0.prompt < harmful.count }
            measurement.harmless = answers.prefix(requests.count).filter { $0.prompt >= harmful.count }
                .map { answer in
                    var answer = answer
                    answer.prompt -= harmful.count
                    return answer
                }
        }
        let groups = (questions?.groups ?? []) + (perplexity?.groups ?? [])
        guard !groups.isEmpty else { return (measurement, sampled) }
        let batches = try BatchPacking.pack(groups, maximumTokens: batchTokens)
        let scores = try await runner.likelihood(batches, label: "\(label): tasks and perplexity")
        let asked = questions?.groups.reduce(0) { $0 + $1.sequences.count } ?? 0
        if let questions {
            let results = questions.results(Array(scores[..<asked]))
            measurement.tasks = TaskAccuracy.all(questions, results)
            measurement.questions = Array(zip(questions.documents, results))
            let names = plan.zeroShot?.tasks.map(\.rawValue) ?? []
            let paper = measurement.tasks.filter { names.contains($0.task) }
            if paper.count > 1 { measurement.zeroShot = TaskAccuracy.mean(paper) }
        }
        if let perplexity { measurement.perplexity = perplexity.estimate(Array(scores[asked...])) }
        return (measurement, sampled)
    }

    /// Cuts requests of one temperature into generation groups, each with its requests.
    private func groups(_ requests: [Request]) -> [(requests: ArraySlice<Request>, body: TaskBody.Generation)] {
        stride(from: 0, to: requests.count, by: plan.groupPrompts).map { start in
            let part = requests[start..<min(requests.count, start + plan.groupPrompts)]
            let body = TaskBody.Generation(
                prompts: part.map { prompts[$0.prompt] }, slots: plan.slots, maxNewTokens: plan.maxNewTokens,
                stopTokens: codec.stopTokens, temperature: Float(part.first!.temperature), seed: seed,
                streams: part.map { UInt64($0.prompt) << 20 | UInt64($0.sample) })
            return (part, body)
        }
    }

    private func generate(
        _ groups: [(requests: ArraySlice<Request>, body: TaskBody.Generation)], _ runner: any ModelRunner, label: String
    ) async throws -> [Answer] {
        let requests = groups.flatMap(\.requests)
        let answers = try await runner.generate(groups.map(\.body), label: "\(label): answers")
        guard answers.count == requests.count else {
            throw InternalError("the fleet gave \(answers.count) answers to \(requests.count) prompts")
        }
        return zip(requests, answers).map { Answer(prompt: $0.prompt, text: codec.decode($1), tokens: $1) }
    }

    /// Adds the mean log-likelihood, under the current model, of every answer to a harmful prompt: what the coherence
    /// gate judges. The current model has to be the unedited one.
    package func rate(_ measurement: Measurement, _ runner: any ModelRunner, label: String) async throws -> Measurement
    {
        try await rate(measurement, and: [], runner, label: label).0
    }

    private func rate(
        _ measurement: Measurement, and calibration: [Answer], _ runner: any ModelRunner, label: String
    ) async throws -> (Measurement, [Answer]) {
        var answers = measurement.harmful + calibration
        let sequences = answers.filter { !$0.tokens.isEmpty }.map { answer in
            let prompt = prompts[answer.prompt]
            return Protocol.Sequence(tokens: prompt + answer.tokens, scoredFrom: prompt.count)
        }
        guard !sequences.isEmpty else { return (measurement, calibration) }
        let groups = SequenceGroup.sharingPrefix(sequences, name: "answers", maximumTokens: batchTokens)
        let batches = try BatchPacking.pack(groups, maximumTokens: batchTokens)
        let scores = try await runner.likelihood(batches, label: "\(label): coherence")
        let isAnswer = batches.flatMap { $0.sequences.map { $0.scoredFrom < $0.tokens.count } }
        var means = zip(scores, isAnswer).filter(\.1).map(\.0.mean).makeIterator()
        for index in answers.indices where !answers[index].tokens.isEmpty {
            answers[index].meanLogLikelihood = means.next() ?? nil
        }
        var result = measurement
        result.harmful = Array(answers.prefix(measurement.harmful.count))
        return (result, Array(answers.dropFirst(measurement.harmful.count)))
    }
}

/// Something that should not happen whatever the input. Exit code 1.
package struct InternalError: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
