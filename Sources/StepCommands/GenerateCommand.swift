package import ArgumentParser
import Checkpoint
package import Console
import Datasets
import Evaluation
import Experiment
import Launch
import Logging
import ModelService
import OutputFiles
import Selection
package import StudyFile

package struct GenerateCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract: "Lets the model answer prompts and keeps its refusals (or all answers) as pairs.",
        aliases: ["answer"])

    @OptionGroup package var model: ModelOptions
    @OptionGroup package var fleet: FleetOptions
    @OptionGroup package var batches: BatchOptions
    @OptionGroup package var data: DataOptions

    @Option(help: ArgumentHelp("Prompts: text (one a line), JSON lines, JSON, CSV or TSV.", valueName: "file"))
    package var prompts: String

    @OptionGroup package var changed: ChangeOptions

    @Option(help: "refusals (by the judge faultline-1, or --refusal-phrases) or all.")
    package var keep: Study.Keep = .refusals

    @Option(help: ArgumentHelp("Prompts drawn from the file; by default all.", valueName: "n"))
    package var samples: Int?

    @Option(help: ArgumentHelp("Tokens of an answer at most.", valueName: "n"))
    package var maxNewTokens = 64

    @OptionGroup package var penalty: PenaltyOption

    @Option(
        help: ArgumentHelp(
            "Phrases that make an answer a refusal, one a line, in place of the default judge's.", valueName: "file"))
    package var refusalPhrases: String?

    @Option(help: ArgumentHelp("Pairs as JSON lines.", valueName: "file"))
    package var out: String

    @OptionGroup package var forcing: ForceOption

    package init() {}

    package func validate() throws {
        guard maxNewTokens >= 1 else { throw ValidationError("--max-new-tokens has to be at least 1") }
    }

    package func run() async throws {
        let (checkpoint, codec) = try model.open()
        var belonging = forcing.belonging()
        let change = try belonging.change(mask: changed.mask, edit: changed.edit, for: checkpoint, at: model.model)
        if let file = changed.file, let nothing = try change?.reasonForNoEffect(in: checkpoint) {
            Terminal.own.warning("\(file) changes nothing: \(nothing)")
        }
        let files = data.files(codec)
        let judge = try JudgeFile.judges(phrases: refusalPhrases, files).own
        let texts = try Sampling.sample(
            try files.prompts(prompts), count: samples, seed: batches.seed, name: "prompts",
            source: prompts)
        var outputs = Outputs(model: model.model, reading: [prompts, changed.file, refusalPhrases, fleet.keys])
        let out = try outputs.file("--out", out, standard: "pairs.jsonl")
        try fleet.check(&outputs)
        let plan = Study.EvaluationSettings()
        let own = SelfGeneratedAnswers(
            codec: codec, judge: judge, seed: batches.seed, slots: plan.slots, groupPrompts: plan.groupPrompts,
            repetitionPenalty: penalty.repetitionPenalty)
        // Before a fleet is started for nothing.
        let request = try own.request(texts, source: prompts, keep: keep, maxNewTokens: maxNewTokens)
        let (pairs, unfinished) = try await RunnerFactory.with(fleet, checkpoint) { runner in
            // An edit that changes nothing is the checkpoint, as in a study.
            try await runner.apply(change.flatMap { $0.isIdentity ? nil : $0 })
            return try request.pairs(try await runner.generate(request.groups, label: "answers"))
        }
        var origin = try checkpoint.provenance()
        origin.forced = belonging.metadata[Provenance.forcedKey]
        try PairFile.write(
            pairs, answeredBy: origin, edit: changed.file, thinking: codec.thinking, to: out)
        let kept = keep == .refusals ? "kept as refusals (judge: \(judge.name))" : "kept"
        Terminal.log.info("\(out): \(pairs.count) of \(texts.count) answers \(kept)\(unfinished)")
    }
}
