package import ArgumentParser
import Evaluation

package struct AnswerCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "answer",
        abstract: "Lets the model answer prompts and keeps its refusals (or all answers) as pairs.")

    @OptionGroup package var model: ModelOptions
    @OptionGroup package var fleet: FleetOptions
    @OptionGroup package var batches: BatchOptions

    @Option(help: ArgumentHelp("Prompts: a line each, or CSV with a column goal.", valueName: "file"))
    package var prompts: String

    @Option(help: "refusals (by the phrase list) or all.")
    package var keep: Study.Keep = .refusals

    @Option(help: ArgumentHelp("Prompts drawn from the file; by default all.", valueName: "n"))
    package var samples: Int?

    @Option(help: ArgumentHelp("Tokens of an answer at most.", valueName: "n"))
    package var maxNewTokens = 64

    @Option(help: ArgumentHelp("Pairs as JSON lines.", valueName: "file"))
    package var out: String

    package init() {}

    package func validate() throws {
        guard maxNewTokens >= 1 else { throw ValidationError("--max-new-tokens has to be at least 1") }
    }

    package func run() async throws {
        let texts = try Sampling.sample(
            try PromptFile.read(prompts), count: samples, seed: batches.seed, name: "prompts", source: prompts)
        let (checkpoint, codec) = try model.open()
        let plan = Study.EvaluationPlan()
        let pairs = try await Runners.with(fleet, checkpoint) { runner in
            try await runner.apply(edit: nil)
            return try await OwnAnswers(
                codec: codec, judge: .standard, seed: batches.seed, slots: plan.slots, groupPrompts: plan.groupPrompts
            ).pairs(
                texts, source: prompts, keep: keep, maxNewTokens: maxNewTokens, runner: runner, label: "answers")
        }
        try PairFile.write(pairs, to: out)
        Terminal.err("\(out): \(pairs.count) of \(texts.count) answers kept")
    }
}
