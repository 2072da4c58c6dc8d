package import ArgumentParser
import Checkpoint
import Reporting
import Selection

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

    @Option(help: ArgumentHelp("Harmful prompts: text (one a line), JSON lines, JSON, CSV or TSV.", valueName: "file"))
    package var harmful: String

    @Option(help: ArgumentHelp("Harmless prompts.", valueName: "file"))
    package var harmless: String

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
        func prompts(_ file: String, _ name: String) throws -> [String] {
            var set = Study.PromptSet(file: file)
            set.samples = samples
            return try set.read(seed: batches.seed, name: name, files)
        }
        let prober = HeadProber(
            harmful: try prompts(harmful, "probe harmful"), harmless: try prompts(harmless, "probe harmless"),
            seed: batches.seed, c: c)
        let config = checkpoint.config
        if let selection, selection.count > config.layerCount * config.headCount {
            throw ValidationError(
                "\(selection.count) heads were asked for, the model has \(config.layerCount * config.headCount)")
        }
        var outputs = Outputs(model: model.model, reading: [harmful, harmless, fleet.keys])
        let out = try outputs.file("--out", out, standard: "probe.json", beside: [".features"])
        let mask = try outputs.file("--mask", mask, standard: "heads.safetensors")
        try fleet.check(&outputs)
        // Before a fleet is started for nothing.
        _ = try prober.batches(codec: codec, batchTokens: batches.batchTokens)
        let probe = try await Runners.with(fleet, checkpoint) { runner in
            try await runner.apply(edit: nil)
            return try await prober.probe(
                config, codec: codec, batchTokens: batches.batchTokens, runner: runner, features: out + ".features")
        }
        let origin = try checkpoint.provenance()
        try HeadProbeFile.write(probe, metadata: prober.metadata(of: origin), to: out)
        if let mask, let selection {
            var selected = try selection.mask(probe, in: config, seed: batches.seed)
            selected.metadata = Dictionary(prober.metadata(of: origin)) { first, _ in first }
            selected.metadata["selection"] = selection.words
            try selected.write(to: mask)
        }
        Terminal.out(HeadProbeFile.table(probe))
    }
}
