package import ArgumentParser
import Checkpoint
import Evaluation
import Reporting
import Selection

package struct EvaluateCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract:
            "Measures a model, with or without a mask's weights: attack success, over-refusal, accuracy, perplexity.",
        discussion:
            "With --mask or --edit the unedited model is measured too: the coherence floor is calibrated on answers it samples."
    )

    @OptionGroup package var model: ModelOptions
    @OptionGroup package var fleet: FleetOptions
    @OptionGroup package var batches: BatchOptions

    @Option(help: ArgumentHelp("Set this mask's weights to zero.", valueName: "file"))
    package var mask: String?

    @Option(
        help: ArgumentHelp("Change the weights by this low-rank edit (faultline subspace edit).", valueName: "file"))
    package var edit: String?

    @Option(help: ArgumentHelp("Harmful prompts: a line each, or CSV with a column goal.", valueName: "file"))
    package var prompts: String?

    @Option(help: ArgumentHelp("Harmless prompts, for over-refusal.", valueName: "file"))
    package var harmless: String?

    @Option(parsing: .upToNextOption, help: ArgumentHelp("Multiple-choice questions, JSON lines.", valueName: "file"))
    package var tasks: [String] = []

    @Option(help: ArgumentHelp("Questions taken of every task file.", valueName: "n"))
    package var taskLimit: Int?

    @Option(help: ArgumentHelp("Text whose perplexity is measured.", valueName: "file"))
    package var perplexity: String?

    @Option(help: ArgumentHelp("Tokens of that text that are read.", valueName: "n"))
    package var perplexityTokens: Int?

    @Option(help: ArgumentHelp("Prompts drawn of either file; by default all.", valueName: "n"))
    package var samples: Int?

    @Option(help: ArgumentHelp("Tokens of an answer at most.", valueName: "n"))
    package var maxNewTokens = 64

    @Option(help: ArgumentHelp("Results as JSON.", valueName: "file"))
    package var out: String

    package init() {}

    package func validate() throws {
        if mask != nil, edit != nil { throw ValidationError("--mask and --edit exclude each other") }
        guard prompts != nil || harmless != nil || !tasks.isEmpty || perplexity != nil else {
            throw ValidationError("nothing to measure: give --prompts, --harmless, --tasks or --perplexity")
        }
        for (name, value) in [
            ("samples", samples), ("max-new-tokens", maxNewTokens), ("task-limit", taskLimit),
            ("perplexity-tokens", perplexityTokens),
        ] {
            if let value, value < 1 { throw ValidationError("--\(name) has to be at least 1") }
        }
    }

    /// The options as the study they amount to.
    private func study(name: String) -> Study {
        var plan = Study.EvaluationPlan()
        plan.harmful = prompts.map { Study.PromptSet(file: $0, samples: samples) }
        plan.harmless = harmless.map { Study.PromptSet(file: $0, samples: samples) }
        plan.tasks = tasks
        plan.taskLimit = taskLimit
        plan.perplexity = perplexity.map { Study.PerplexityText(file: $0, maxTokens: perplexityTokens) }
        plan.maxNewTokens = maxNewTokens
        return Study(
            name: name, model: model.model, template: model.template, system: .init(word: model.system),
            seed: batches.seed,
            workers: 1, pipelines: nil, blockExamples: batches.blockExamples, batchTokens: batches.batchTokens,
            calibration: nil, scores: .init(), conditions: [], evaluation: plan, export: [])
    }

    package func run() async throws {
        let (checkpoint, codec) = try model.open()
        let zeros = try mask.map { try Mask(contentsOf: $0) }
        if let zeros, let mask { try zeros.check(against: checkpoint, named: "\(mask) against \(model.model)") }
        let change = try edit.map { try LowRankEdit(contentsOf: $0) }
        if let change, let edit { try change.check(against: checkpoint, named: "\(edit) against \(model.model)") }
        let study = study(name: "evaluate")
        let evaluator = try Evaluator(
            study.evaluation, seed: study.seed, batchTokens: study.batchTokens,
            maxPositions: checkpoint.config.maxPositions,
            codec: codec)
        let maps = WeightScores.maps(of: checkpoint.config)
        let judge = RefusalJudge.standard
        let (conditions, gate) = try await Runners.with(fleet, checkpoint) { runner in
            try await runner.apply(edit: nil)
            let (own, gate) = try await evaluator.measureUnedited(runner, label: "unedited")
            var results = [
                try ConditionResult(
                    name: "unedited", method: "unedited", measurement: own, gate: gate, judge: judge,
                    maps: maps)
            ]
            if let path = mask ?? edit {
                let name = mask == nil ? "edit" : "mask"
                if let change { try await runner.apply(lowRank: change) } else { try await runner.apply(edit: zeros) }
                let raw = try await evaluator.measure(runner, label: name)
                try await runner.apply(edit: nil)
                let measured = try await evaluator.rate(raw, runner, label: name)
                results.append(
                    try ConditionResult(
                        name: name, method: mask == nil ? "changed by \(path)" : "zeroed by \(path)",
                        measurement: measured, gate: gate, judge: judge, mask: zeros, lowRank: change, maps: maps))
            }
            return (results, gate)
        }
        let results = StudyResults(
            study: study, conditions: conditions, gate: gate, judge: judge, harmful: evaluator.harmful,
            harmless: evaluator.harmless, warnings: [], modelDigest: checkpoint.digest(), codec: codec.description)
        try TextFile.write(results.json(command: "faultline evaluate", versions: Versions.list), to: out)
        Terminal.out(results.table().text(unicode: Terminal.isUnicode))
    }
}
