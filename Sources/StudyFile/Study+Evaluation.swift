import Checkpoint
import Datasets
import Evaluation
package import Tensors

/// The study file's `evaluation`.
extension Study {
    /// A study that measures one model as it is.
    package init(
        name: String, model: String, evaluation: EvaluationSettings, seed: UInt64, blockExamples: Int, batchTokens: Int
    ) {
        self.init(
            name: name, model: model, system: .template, seed: seed, workers: 1, blockExamples: blockExamples,
            batchTokens: batchTokens, scores: .init(), conditions: [], evaluation: evaluation, export: [])
    }

    static let evaluationKeys = [
        "harmful", "harmless", "attacks", "max_new_tokens", "samples", "temperature", "repetition_penalty", "slots",
        "group_prompts",
        "coherence_floor", "tasks", "task_limit", "zero_shot", "perplexity", "first_token_kl", "refusal_log_odds",
        "select_on", "utility_bounds",
    ]

    /// Reads `evaluation`.
    /// - Throws: `InputError` with file, line and the key's path.
    package static func evaluation(_ node: StudyNode, _ path: (String) -> String) throws(InputError)
        -> EvaluationSettings
    {
        var plan = EvaluationSettings()
        plan.harmful = try prompts(node, "harmful", path)
        plan.harmless = try prompts(node, "harmless", path)
        plan.maxNewTokens = try node.integer("max_new_tokens", in: 1...100_000) ?? plan.maxNewTokens
        plan.attacks = try attacks(node, path)
        plan.samples = try node.integer("samples", in: 1...1000) ?? plan.samples
        plan.temperature = try node.number("temperature", in: 0...100) ?? plan.temperature
        if plan.samples > 1, plan.temperature == 0 {
            throw node.error(
                "samples", "= \(plan.samples) with temperature 0 gives the same answer every time; set a temperature")
        }
        if !plan.attacks.isEmpty {
            guard plan.harmful != nil else { throw node.error("attacks", "need harmful prompts") }
            for key in ["samples", "temperature"] where node.has(key) {
                throw node.error(key, "goes into the settings of attacks, where these are listed")
            }
        }
        plan.repetitionPenalty =
            try node.number("repetition_penalty", in: 0.01...100) ?? plan.repetitionPenalty
        plan.slots = try node.integer("slots", in: 1...4096) ?? plan.slots
        plan.groupPrompts = try node.integer("group_prompts", in: 1...1_000_000) ?? 2 * plan.slots
        plan.coherenceFloor = try node.number("coherence_floor", in: -1000...0)
        plan.tasks = (try node.strings("tasks") ?? []).map(path)
        plan.taskLimit = try node.integer("task_limit", in: 1...Int.max)
        plan.zeroShot = try zeroShot(node, path)
        plan.perplexity = try perplexity(node, path)
        try firstTokens(node, into: &plan)
        plan.selectOn = try node.choice("select_on", as: SelectOn.self) ?? plan.selectOn
        plan.utilityBounds = try utilityBounds(node, plan)
        return plan
    }

    /// A file of prompts, or which of them.
    static func prompts(
        _ node: StudyNode, _ key: String, _ path: (String) -> String
    ) throws(InputError) -> PromptSet? {
        guard node.has(key) else { return nil }
        if node.isScalar(key) { return PromptSet(file: path(try node.required(key, node.string)), samples: nil) }
        let keys = ["prompts", "samples", "skip", "first"]
        let entry = try node.required(key) { key throws(InputError) in try node.mapping(key, keys: keys) }
        var set = PromptSet(
            file: path(try entry.required("prompts", entry.string)),
            samples: try entry.integer("samples", in: 1...Int.max))
        set.skip = try entry.integer("skip", in: 0...1_000_000_000) ?? 0
        set.first = try entry.integer("first", in: 1...1_000_000_000)
        return set
    }

    private static func zeroShot(
        _ node: StudyNode, _ path: (String) -> String
    ) throws(InputError) -> ZeroShotSettings? {
        guard node.has("zero_shot") else { return nil }
        if node.isScalar("zero_shot") {
            return ZeroShotSettings(documents: path(try node.required("zero_shot", node.string)))
        }
        let keys = ["documents", "tasks", "limit", "seed", "max_length"]
        let entry = try node.required("zero_shot") { key throws(InputError) in try node.mapping(key, keys: keys) }
        var plan = ZeroShotSettings(documents: path(try entry.required("documents", entry.string)))
        if let names = try entry.strings("tasks") {
            let known = ZeroShotTask.allCases.map(\.rawValue)
            plan.tasks = []
            for name in names {
                guard let task = ZeroShotTask(rawValue: name) else {
                    throw entry.error(
                        "tasks",
                        "has \(name)" + (nearestName(to: name, among: known).map { "; did you mean \($0)?" } ?? "")
                            + " (known: \(known.joined(separator: ", ")))")
                }
                guard !plan.tasks.contains(task) else { throw entry.error("tasks", "has \(name) twice") }
                plan.tasks.append(task)
            }
            guard !plan.tasks.isEmpty else { throw entry.error("tasks", "is empty") }
        }
        plan.limit = try entry.integer("limit", in: 1...Int.max) ?? plan.limit
        plan.seed = UInt64(try entry.integer("seed", in: 0...Int.max) ?? Int(plan.seed))
        plan.maxLength = try entry.integer("max_length", in: 8...1_000_000)
        return plan
    }

    private static func perplexity(
        _ node: StudyNode, _ path: (String) -> String
    ) throws(InputError) -> PerplexityText? {
        guard node.has("perplexity") else { return nil }
        if node.isScalar("perplexity") {
            return PerplexityText(file: path(try node.required("perplexity", node.string)))
        }
        let keys = ["file", "max_tokens", "window"]
        let text = try node.required("perplexity") { key throws(InputError) in try node.mapping(key, keys: keys) }
        return PerplexityText(
            file: path(try text.required("file", text.string)),
            maxTokens: try text.integer("max_tokens", in: 2...Int.max),
            window: try text.integer("window", in: 2...1_000_000))
    }
}
