package import Evaluation
import Protocol

/// Everything measured of one condition.
package struct Measurement: Sendable {
    package var harmful: [Answer] = []
    package var harmless: [Answer] = []
    package var tasks: [TaskAccuracy] = []
    package var perplexity: Estimate?

    /// Mean log-likelihoods of the answers to harmful prompts that have tokens.
    package var means: [Double] { harmful.compactMap(\.meanLogLikelihood) }
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
        var documents: [TaskDocument] = []
        for file in plan.tasks {
            let all = try TaskDocument.parse(
                try TextFile.read(file), source: file, defaultTask: Paths.stem(of: file))
            documents += all.prefix(plan.taskLimit ?? all.count)
        }
        questions =
            documents.isEmpty ? nil : try MultipleChoice(documents, maximumLength: longest) { codec.encode($0) }
        perplexity = try plan.perplexity.map { text in
            let tokens = codec.encode(String(decoding: try TextFile.read(text.file), as: UTF8.self))
            return try Perplexity(
                tokens, window: min(text.window ?? longest, longest), maximumTokens: text.maxTokens, source: text.file)
        }
    }

    private static func prompts(_ set: Study.PromptSet?, seed: UInt64, name: String) throws(InputError) -> [String] {
        guard let set else { return [] }
        return try Sampling.sample(
            try PromptFile.read(set.file), count: set.samples, seed: seed, name: name, source: set.file)
    }

    /// Measures the model as it is now; the answers' likelihoods come with `rate`.
    package func measure(_ runner: any ModelRunner, label: String) async throws -> Measurement {
        var measurement = Measurement()
        if !prompts.isEmpty {
            let answers = try await generate(runner, label: label)
            measurement.harmful = answers.filter { $0.prompt < harmful.count }
            measurement.harmless = answers.filter { $0.prompt >= harmful.count }.map { answer in
                var answer = answer
                answer.prompt -= harmful.count
                return answer
            }
        }
        let groups = (questions?.groups ?? []) + (perplexity?.groups ?? [])
        guard !groups.isEmpty else { return measurement }
        let batches = try BatchPacking.pack(groups, maximumTokens: batchTokens)
        let scores = try await runner.likelihood(batches, label: "\(label): tasks and perplexity")
        let asked = questions?.groups.reduce(0) { $0 + $1.sequences.count } ?? 0
        if let questions { measurement.tasks = TaskAccuracy.all(questions, questions.results(Array(scores[..<asked]))) }
        if let perplexity { measurement.perplexity = perplexity.estimate(Array(scores[asked...])) }
        return measurement
    }

    private func generate(_ runner: any ModelRunner, label: String) async throws -> [Answer] {
        let requests = prompts.indices.flatMap { prompt in (0..<plan.samples).map { (prompt: prompt, sample: $0) } }
        var groups: [TaskBody.Generation] = []
        for start in stride(from: 0, to: requests.count, by: plan.groupPrompts) {
            let part = requests[start..<min(requests.count, start + plan.groupPrompts)]
            groups.append(
                TaskBody.Generation(
                    prompts: part.map { prompts[$0.prompt] }, slots: plan.slots, maxNewTokens: plan.maxNewTokens,
                    stopTokens: codec.stopTokens, temperature: Float(plan.temperature), seed: seed,
                    streams: part.map { UInt64($0.prompt) << 20 | UInt64($0.sample) }))
        }
        let answers = try await runner.generate(groups, label: "\(label): answers")
        guard answers.count == requests.count else {
            throw InternalError("the fleet gave \(answers.count) answers to \(requests.count) prompts")
        }
        return zip(requests, answers).map { Answer(prompt: $0.prompt, text: codec.decode($1), tokens: $1) }
    }

    /// Adds the mean log-likelihood, under the current model, of every answer to a harmful prompt: what the coherence
    /// gate judges. The current model has to be the unedited one.
    package func rate(_ measurement: Measurement, _ runner: any ModelRunner, label: String) async throws -> Measurement
    {
        var result = measurement
        var groups: [SequenceGroup] = []
        for answer in measurement.harmful where !answer.tokens.isEmpty {
            let prompt = prompts[answer.prompt]
            groups.append(
                SequenceGroup(
                    name: "answer to prompt \(answer.prompt + 1)",
                    sequences: [.init(tokens: prompt + answer.tokens, scoredFrom: prompt.count)]))
        }
        guard !groups.isEmpty else { return result }
        let batches = try BatchPacking.pack(groups, maximumTokens: batchTokens)
        var means = try await runner.likelihood(batches, label: "\(label): coherence").map(\.mean).makeIterator()
        for index in result.harmful.indices where !result.harmful[index].tokens.isEmpty {
            result.harmful[index].meanLogLikelihood = means.next() ?? nil
        }
        return result
    }
}

/// Something that should not happen whatever the input. Exit code 1.
package struct InternalError: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
