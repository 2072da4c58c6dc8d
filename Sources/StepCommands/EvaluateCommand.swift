package import ArgumentParser
import Checkpoint
package import Console
import Datasets
package import Evaluation
import Experiment
import Launch
import Logging
import ModelService
import OutputFiles
import Reporting
import Selection
package import StudyFile
import StudyReport
import Tensors

package struct EvaluateCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract:
            "Measures a model, with or without an edit: attack success, over-refusal, accuracy, perplexity.",
        discussion:
            "With --mask or --edit the unedited model is measured too: the coherence floor is calibrated on answers it samples."
    )

    @OptionGroup package var model: ModelOptions
    @OptionGroup package var fleet: FleetOptions
    @OptionGroup package var batches: BatchOptions
    @OptionGroup package var data: DataOptions

    @OptionGroup package var changed: ChangeOptions

    @Option(help: ArgumentHelp("Harmful prompts: text (one a line), JSON lines, JSON, CSV or TSV.", valueName: "file"))
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

    @Option(
        help: ArgumentHelp(
            "Phrases that make an answer a refusal, one a line, in place of the default judge's (faultline-1).",
            valueName: "file"))
    package var refusalPhrases: String?

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "Judges by name, the first one of ASR and over-refusal: \(RefusalJudge.all.map(\.name).joined(separator: ", ")).",
            valueName: "name"))
    package var judge: [String] = []

    @Option(help: ArgumentHelp("All answers with their verdicts, as JSON lines.", valueName: "file"))
    package var answersOut: String?

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Multiple-choice questions, JSON lines or a JSON list.", valueName: "file"))
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
            "Text whose perplexity is measured; of JSON lines, JSON, CSV or TSV the \"text\"s, joined by blank lines.",
            valueName: "file"))
    package var perplexity: String?

    @Option(help: ArgumentHelp("Tokens of that text that are read.", valueName: "n"))
    package var perplexityTokens: Int?

    @Option(help: ArgumentHelp("Tokens of a window; by default what the model and a batch hold.", valueName: "n"))
    package var perplexityWindow: Int?

    @Option(
        help: ArgumentHelp(
            "KL of the first token after the --harmless prompts from the unedited model's: exact or refusal_direction (with its epsilon).",
            valueName: "kind"))
    package var firstTokenKl: FirstTokenKL?

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "Log-odds that an answer begins with one of these tokens (texts or numbers); auto: those of the model's own refusals.",
            valueName: "token"))
    package var refusalLogOdds: [String] = []

    @Option(help: ArgumentHelp("Prompts drawn of either file; by default all.", valueName: "n"))
    package var samples: Int?

    @Option(help: ArgumentHelp("Tokens of an answer at most.", valueName: "n"))
    package var maxNewTokens = Study.EvaluationSettings.standardNewTokens

    @OptionGroup package var penalty: PenaltyOption

    @Option(help: ArgumentHelp("Results as JSON.", valueName: "file"))
    package var out: String

    @OptionGroup package var forcing: ForceOption

    package init() {}

    package func validate() throws {
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
        for (name, isGiven) in [("refusal-phrases", refusalPhrases != nil), ("judge", !judge.isEmpty)]
        where isGiven && prompts == nil && harmless == nil {
            throw ValidationError("--\(name) goes with --prompts or --harmless")
        }
        if firstTokenKl != nil, harmless == nil { throw ValidationError("--first-token-kl goes with --harmless") }
        if !refusalLogOdds.isEmpty, prompts == nil {
            throw ValidationError("--refusal-log-odds goes with --prompts")
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
            ("zero-shot-length", zeroShotLength),
        ] {
            if let value, value < 1 { throw ValidationError("--\(name) has to be at least 1") }
        }
        if let perplexityWindow, perplexityWindow < 2 {
            throw ValidationError("--perplexity-window has to be at least 2: a token is predicted from one before it")
        }
    }

    /// The options as the study they amount to.
    private func study(name: String) -> Study {
        var plan = Study.EvaluationSettings()
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
            var zeroShot = ZeroShotSettings(documents: folder)
            if !zeroShotTasks.isEmpty { zeroShot.tasks = zeroShotTasks }
            zeroShot.limit = zeroShotLimit
            zeroShot.maxLength = zeroShotLength
            return zeroShot
        }
        plan.perplexity = perplexity.map {
            Study.PerplexityText(file: $0, maxTokens: perplexityTokens, window: perplexityWindow)
        }
        plan.firstTokenKL = firstTokenKl
        plan.refusalTokens = RefusalTokenPlan(words: refusalLogOdds)
        plan.maxNewTokens = maxNewTokens
        plan.repetitionPenalty = penalty.repetitionPenalty
        var study = Study(
            name: name, model: model.model, evaluation: plan, seed: batches.seed,
            blockExamples: batches.blockExamples, batchTokens: batches.batchTokens)
        study.template = model.template
        (study.system, study.thinking, study.date) = (model.layout.system, model.layout.thinking, model.date)
        return study
    }

    /// Where results, answers and questions go.
    private func outputs() throws(InputError) -> (out: String, answers: String?, questions: String?) {
        let zeroShot = study(name: "evaluate").evaluation.zeroShot?.files ?? []
        var outputs = Outputs(
            model: model.model,
            reading: [changed.file, prompts, harmless, suffixes, perplexity, refusalPhrases, fleet.keys] + tasks
                + zeroShot)
        let out = try outputs.file("--out", out, standard: "results.json")
        var others: [String?] = []
        for (option, path, standard) in [
            ("--answers-out", answersOut, "answers.jsonl"), ("--questions-out", questionsOut, "questions.jsonl"),
        ] { others.append(try outputs.file(option, path, standard: standard)) }
        try fleet.check(&outputs)
        return (out, others[0], others[1])
    }

    package func run() async throws {
        let study = study(name: "evaluate")
        let (checkpoint, codec) = try model.open(systems: study.systems)
        var belonging = forcing.belonging()
        let change = try belonging.change(mask: changed.mask, edit: changed.edit, for: checkpoint, at: model.model)
        let (out, answersOut, questionsOut) = try outputs()
        let files = data.files(codec)
        let evaluator = try Evaluator(
            study.evaluation, seed: study.seed, batchTokens: study.batchTokens,
            maxPositions: checkpoint.config.maxPositions, vocabulary: checkpoint.config.vocabularySize,
            codec: codec, files: files)
        let judges = try JudgeFile.judges(phrases: refusalPhrases, names: judge, files)
        let asked = Asked(evaluator: evaluator, judges: judges, checkpoint: checkpoint, change: change)
        let ((conditions, gate, first), kernels) = try await RunnerFactory.with(fleet, checkpoint) { runner in
            (try await measureAll(asked, runner), runner.kernels)
        }
        var results = StudyResults(
            study: study, conditions: conditions, gate: gate, judges: judges, harmful: evaluator.harmful,
            harmless: evaluator.harmless,
            warnings: belonging.forced + files.notes.compactMap(\.warning) + evaluator.warnings
                + conditions.flatMap { StudyRun.warnings($0) },
            modelDigest: try checkpoint.digest(), codec: codec.description,
            thinking: codec.thinking, files: files.notes,
            refusalTokens: first.flatMap { evaluator.text(refusalTokens: $0) })
        results.kernels = kernels
        try TextFile.write(results.json(command: "faultline evaluate", versions: Versions.list), to: out)
        if let answersOut {
            try AnswerFile.write(
                conditions.last!, of: try checkpoint.provenance(), judges: judges, harmful: evaluator.harmful,
                harmless: evaluator.harmless, to: answersOut)
        }
        if let questionsOut {
            try QuestionFile.write(conditions.last!, of: try checkpoint.provenance(), to: questionsOut)
        }
        for warning in results.warnings { Terminal.own.warning("\(warning)") }
        Terminal.out(results.table())
        Terminal.out(results.judgesLine)
        if case .notFinite(let reason)? = conditions.last?.remark { throw NoNumber(reason) }
    }
}
