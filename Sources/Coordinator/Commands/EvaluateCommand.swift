package import ArgumentParser
import Checkpoint
package import Evaluation
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

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "How --prompts are put, with the paper's settings: vanilla (default), adv_suffix, adv_decoding.",
            valueName: "setting"))
    package var attacks: [AttackSetting.Kind] = []

    @Option(help: ArgumentHelp("Suffixes of adv_suffix, one a line; the most successful counts.", valueName: "file"))
    package var suffixes: String?

    @Option(help: ArgumentHelp("All answers with their verdicts, as JSON lines.", valueName: "file"))
    package var answersOut: String?

    @Option(parsing: .upToNextOption, help: ArgumentHelp("Multiple-choice questions, JSON lines.", valueName: "file"))
    package var tasks: [String] = []

    @Option(help: ArgumentHelp("Questions taken of every task file.", valueName: "n"))
    package var taskLimit: Int?

    @Option(
        help: ArgumentHelp(
            "Zero-shot accuracy: the folder of its tasks' documents (boolq.jsonl, …; docs/study.md).", valueName: "dir")
    )
    package var zeroShot: String?

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "Tasks of --zero-shot; by default \(ZeroShotTask.allCases.map(\.rawValue).joined(separator: ", ")).",
            valueName: "task"))
    package var zeroShotTasks: [ZeroShotTask] = []

    @Option(help: ArgumentHelp("Documents asked of every zero-shot task.", valueName: "n"))
    package var zeroShotLimit = ZeroShotTask.standardLimit

    @Option(help: ArgumentHelp("Tokens read of a zero-shot question at most.", valueName: "n"))
    package var zeroShotLength: Int?

    @Option(help: ArgumentHelp("Log-likelihoods of every question's choices, as JSON lines.", valueName: "file"))
    package var questionsOut: String?

    @Option(
        help: ArgumentHelp(
            "Text whose perplexity is measured; .jsonl: its \"text\"s joined by blank lines.", valueName: "file"))
    package var perplexity: String?

    @Option(help: ArgumentHelp("Tokens of that text that are read.", valueName: "n"))
    package var perplexityTokens: Int?

    @Option(help: ArgumentHelp("Tokens of a window; by default what the model and a batch hold.", valueName: "n"))
    package var perplexityWindow: Int?

    @Option(help: ArgumentHelp("Prompts drawn of either file; by default all.", valueName: "n"))
    package var samples: Int?

    @Option(help: ArgumentHelp("Tokens of an answer at most.", valueName: "n"))
    package var maxNewTokens = 64

    @Option(help: ArgumentHelp("Results as JSON.", valueName: "file"))
    package var out: String

    package init() {}

    package func validate() throws {
        if mask != nil, edit != nil { throw ValidationError("--mask and --edit exclude each other") }
        guard prompts != nil || harmless != nil || !tasks.isEmpty || zeroShot != nil || perplexity != nil else {
            throw ValidationError(
                "nothing to measure: give --prompts, --harmless, --tasks, --zero-shot or --perplexity")
        }
        if attacks.contains(.advSuffix) != (suffixes != nil) {
            throw ValidationError("--attacks adv_suffix and --suffixes FILE go together")
        }
        guard Set(attacks).count == attacks.count else { throw ValidationError("--attacks names a setting twice") }
        for (name, isGiven) in [("attacks", !attacks.isEmpty), ("answers-out", answersOut != nil)]
        where isGiven && prompts == nil && (name == "attacks" || harmless == nil) {
            throw ValidationError("--\(name) goes with --prompts")
        }
        if let perplexityWindow, perplexityWindow > batches.batchTokens {
            throw ValidationError(
                "--perplexity-window \(perplexityWindow) is larger than --batch-tokens \(batches.batchTokens)")
        }
        if questionsOut != nil, tasks.isEmpty, zeroShot == nil {
            throw ValidationError("--questions-out goes with --tasks or --zero-shot")
        }
        if zeroShot == nil, !zeroShotTasks.isEmpty || zeroShotLength != nil {
            throw ValidationError("--zero-shot-tasks and --zero-shot-length go with --zero-shot FOLDER")
        }
        for (name, value) in [
            ("samples", samples), ("max-new-tokens", maxNewTokens), ("task-limit", taskLimit),
            ("perplexity-tokens", perplexityTokens), ("zero-shot-limit", zeroShotLimit),
            ("zero-shot-length", zeroShotLength), ("perplexity-window", perplexityWindow.map { $0 - 1 }),
        ] {
            if let value, value < 1 { throw ValidationError("--\(name) has to be at least 1") }
        }
    }

    /// The options as the study they amount to.
    private func study(name: String) -> Study {
        var plan = Study.EvaluationPlan()
        plan.harmful = prompts.map { Study.PromptSet(file: $0, samples: samples) }
        plan.harmless = harmless.map { Study.PromptSet(file: $0, samples: samples) }
        plan.attacks = attacks.map { kind in
            var setting = AttackSetting(kind)
            if kind == .advSuffix { setting.suffixes = suffixes }
            return setting
        }
        plan.tasks = tasks
        plan.taskLimit = taskLimit
        plan.zeroShot = zeroShot.map { folder in
            var zeroShot = Study.ZeroShotPlan(documents: folder)
            if !zeroShotTasks.isEmpty { zeroShot.tasks = zeroShotTasks }
            zeroShot.limit = zeroShotLimit
            zeroShot.maxLength = zeroShotLength
            return zeroShot
        }
        plan.perplexity = perplexity.map {
            Study.PerplexityText(file: $0, maxTokens: perplexityTokens, window: perplexityWindow)
        }
        plan.maxNewTokens = maxNewTokens
        return Study(
            name: name, model: model.model, template: model.template, system: .init(word: model.system),
            seed: batches.seed,
            workers: 1, pipelines: nil, blockExamples: batches.blockExamples, batchTokens: batches.batchTokens,
            calibration: nil, scores: .init(), probe: nil, conditions: [], evaluation: plan, export: [])
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
                    name: "unedited", method: "unedited", measurement: own, attacks: evaluator.attacks, gate: gate,
                    judge: judge, maps: maps)
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
                        measurement: measured, attacks: evaluator.attacks, gate: gate, judge: judge, mask: zeros,
                        lowRank: change, maps: maps))
            }
            return (results, gate)
        }
        let results = StudyResults(
            study: study, conditions: conditions, gate: gate, judge: judge, harmful: evaluator.harmful,
            harmless: evaluator.harmless, warnings: evaluator.warnings, modelDigest: checkpoint.digest(),
            codec: codec.description)
        try TextFile.write(results.json(command: "faultline evaluate", versions: Versions.list), to: out)
        if let answersOut {
            try AnswerFile.write(
                conditions.last!, harmful: evaluator.harmful, harmless: evaluator.harmless, to: answersOut)
        }
        if let questionsOut { try QuestionFile.write(conditions.last!.questions, to: questionsOut) }
        for warning in results.warnings { Terminal.err("faultline: warning: \(warning)") }
        Terminal.out(results.table())
    }
}
