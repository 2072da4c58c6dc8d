package import ArgumentParser
import Checkpoint
package import Console
import Datasets
import Experiment
import Launch
import ModelService
import OutputFiles
import Reporting
import Selection
import StudyFile

package struct ProbeCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "probe",
        abstract: "Ranks attention heads by how well they tell harmful prompts from harmless ones.",
        discussion: """
            A regularised logistic regression per head on its output at the last prompt token, trained on five sevenths of \
            the prompts of either kind and ranked by its accuracy on the others.
            """)

    @OptionGroup package var model: ModelOptions
    @OptionGroup package var fleet: FleetOptions
    @OptionGroup package var batches: BatchOptions
    @OptionGroup package var data: DataOptions
    @OptionGroup package var lists: PromptListOptions

    @Option(help: ArgumentHelp("Prompts drawn of either file (the paper: 420); by default all.", valueName: "n"))
    package var samples: Int?

    @Option(help: "Inverse strength of the classifiers' L2 penalty.")
    package var c = 1.0

    @Option(help: ArgumentHelp("Select this many of the most accurate heads for --mask.", valueName: "n"))
    package var top: Int?

    @Option(help: ArgumentHelp("Select this many of the least accurate heads.", valueName: "n"))
    package var bottom: Int?

    @Option(help: ArgumentHelp("Select this many random heads.", valueName: "n"))
    package var random: Int?

    @Option(help: ArgumentHelp("A mask that removes the selected heads.", valueName: "file"))
    package var mask: String?

    @Option(help: ArgumentHelp("All heads with their accuracies, as JSON.", valueName: "file"))
    package var out: String

    package init() {}

    private var selection: HeadSelection? {
        top.map { .top($0) } ?? bottom.map { .bottom($0) } ?? random.map { .random($0) }
    }

    package func validate() throws {
        guard [top, bottom, random].count(where: { $0 != nil }) == (mask == nil ? 0 : 1) else {
            throw ValidationError("--mask FILE goes with one of --top, --bottom, --random")
        }
        if let selection, selection.count < 1 { throw ValidationError("a mask needs at least 1 head") }
        if let samples, samples < 2 { throw ValidationError("--samples has to be at least 2") }
        guard c > 0, c.isFinite else { throw ValidationError("--c has to be above 0") }
    }

    package func run() async throws {
        let (checkpoint, codec) = try model.open()
        let files = data.files(codec)
        var settings = Study.Probe(
            harmful: Study.PromptSet(file: lists.harmful, samples: samples),
            harmless: Study.PromptSet(file: lists.harmless, samples: samples))
        settings.c = c
        // Before a fleet is started for nothing.
        let step = try ProbeStep(
            settings, seed: batches.seed, codec: codec, batchTokens: batches.batchTokens, files)
        let config = checkpoint.config
        if let selection, selection.count > config.layerCount * config.headCount {
            throw ValidationError(
                "\(selection.count) heads were asked for, the model has \(config.layerCount * config.headCount)")
        }
        var outputs = Outputs(model: model.model, reading: [lists.harmful, lists.harmless, fleet.keys])
        let out = try outputs.file("--out", out, standard: "probe.json", beside: [".features"])
        let mask = try outputs.file("--mask", mask, standard: "heads.safetensors")
        try fleet.check(&outputs)
        let probe = try await RunnerFactory.with(fleet, checkpoint) { runner in
            try await runner.apply(nil)
            return try await step.prober.probe(
                config, step.batches, runner: runner, features: out + ".features")
        }
        let origin = try checkpoint.provenance()
        try HeadProbeFile.write(probe, metadata: step.prober.metadata(of: origin), to: out)
        if let mask, let selection {
            var selected = try selection.mask(probe, in: config, seed: batches.seed)
            selected.metadata = Dictionary(step.prober.metadata(of: origin)) { first, _ in first }
            selected.metadata["selection"] = selection.title
            try selected.write(to: mask)
        }
        Terminal.out(HeadProbeFile.table(probe))
    }
}
