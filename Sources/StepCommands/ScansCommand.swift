package import ArgumentParser
import Checkpoint
package import Console
import Datasets
import Experiment
import Launch
import Logging
import OutputFiles
import Reporting
import Selection
package import StudyFile
import StudyReport
import Tensors

package struct ScansCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "scans",
        abstract:
            "Calibrates a gate that tells harmful prompts from harmless ones, and classifies prompts by it (SCANS).",
        discussion: """
            Of both lists some prompts are anchors, of which refusal vectors and a reference are made; blocks and threshold \
            are chosen on others. --classify says on which side of the gate the prompts of other files are; --edit-out \
            writes the steering of these prompts: toward refusal where they are unsafe, away from it otherwise. Other \
            prompts it leaves alone, and so it does the same ones with a suffix, or under another template.
            """)

    @OptionGroup package var model: ModelOptions
    @OptionGroup package var fleet: FleetOptions
    @OptionGroup package var batches: BatchOptions
    @OptionGroup package var data: DataOptions
    @OptionGroup package var lists: PromptListOptions

    @Option(help: ArgumentHelp("Prompts of either list that vectors and reference are means over.", valueName: "n"))
    package var anchors = ScansMethod.standardAnchors

    @Option(help: ArgumentHelp("Further prompts of either list that the gate is calibrated on.", valueName: "n"))
    package var calibration = ScansMethod.standardCalibration

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Blocks that the gate looks at, from 0; by default calibrated.", valueName: "block"))
    package var gateLayers: [Int] = []

    @Option(
        parsing: .unconditional, help: ArgumentHelp("From -1 to 1; by default calibrated.", valueName: "number"))
    package var threshold: Double?

    @Option(help: ArgumentHelp("What is put after a prompt to see how its state changes.", valueName: "text"))
    package var response = ScansMethod.standardResponse

    @Option(help: "The state after the last block: what the final norm makes of it (norm), or what comes out (output).")
    package var lastState: ScansMethod.LastState = .norm

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Say of every prompt of these files on which side it is.", valueName: "file"))
    package var classify: [String] = []

    @Option(
        help: ArgumentHelp("With --classify: the steering of these prompts, for --edit of others.", valueName: "file"))
    package var editOut: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "With --edit-out: factor on the vectors. Default: \(ScansMethod.standardAlpha).", valueName: "number"))
    package var alpha: Double?

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "With --edit-out: blocks at whose output they are added, from 0; by default the middle ones.",
            valueName: "block"))
    package var layers: [Int] = []

    @Option(help: ArgumentHelp("The gate's file: the score of every prompt, as CSV.", valueName: "file"))
    package var out: String

    package init() {}

    package func validate() throws {
        for (name, value, most) in [("anchors", anchors, 1_000_000), ("calibration", calibration, 10_000)]
        where !(1...most).contains(value) {
            throw ValidationError("--\(name) \(value) is out of range: 1 to \(most)")
        }
        if let threshold, !(-1...1).contains(threshold) {
            throw ValidationError("--threshold \(threshold) is out of range: -1 to 1")
        }
        if let alpha, !(-1e6...1e6).contains(alpha) {
            throw ValidationError("--alpha \(alpha) is out of range: -1000000 to 1000000")
        }
        for (name, blocks) in [("layers", layers), ("gate-layers", gateLayers)]
        where blocks.contains(where: { $0 < 0 }) || Set(blocks).count < blocks.count {
            throw ValidationError("--\(name) takes different block numbers from 0")
        }
        if editOut != nil, classify.isEmpty { throw ValidationError("--edit-out goes with --classify FILE") }
        if editOut == nil, alpha != nil || !layers.isEmpty {
            throw ValidationError("--alpha and --layers go with --edit-out FILE")
        }
    }

    private var method: ScansMethod {
        var method = ScansMethod(
            harmful: Study.PromptSet(file: lists.harmful), harmless: Study.PromptSet(file: lists.harmless))
        (method.anchors, method.calibration) = (anchors, calibration)
        (method.response, method.lastState, method.threshold) = (response, lastState, threshold)
        if let alpha { method.alpha = alpha }
        if !layers.isEmpty { method.layers = layers.sorted() }
        if !gateLayers.isEmpty { method.gateLayers = gateLayers.sorted() }
        return method
    }

    package func run() async throws {
        let (checkpoint, codec) = try model.open()
        let (method, config) = (method, checkpoint.config)
        if let (key, fault) = method.blockBeyond(config) {
            throw InputError("--\(key.replacing("_", with: "-"))", fault)
        }
        var outputs = Outputs(model: model.model, reading: [lists.harmful, lists.harmless, fleet.keys] + classify)
        let out = try outputs.file("--out", out, standard: "gate.csv", beside: [".folded"])
        let target = try outputs.file("--edit-out", editOut, standard: "scans.safetensors")
        try fleet.check(&outputs)
        let files = data.files(codec)
        var prompts: [ScansStep.Prompt] = []
        for file in classify {
            for text in try files.prompts(file) { prompts.append((text, try codec.prompt(text))) }
        }
        // Before a fleet is started for nothing.
        let step = try ScansStep(
            method, seed: batches.seed, blockExamples: batches.blockExamples, batchTokens: batches.batchTokens,
            evaluated: prompts, named: "--classify", codec: codec, files)
        let fit = try await RunnerFactory.with(fleet, checkpoint) { runner in
            try await step.fit("scans", of: config, runner: runner, output: out + ".folded")
        }
        try TextFile.write(fit.csv(), to: out)
        if let target { try write(fit, step, checkpoint, to: target) }
        Terminal.out(ScansGateTable.table([("scans", fit.result())]))
        if !classify.isEmpty { Terminal.out(ScansGateTable.table(step.evaluated, by: fit)) }
    }

    /// The steering of the prompts that are classified.
    private func write(_ fit: ScansFit, _ step: ScansStep, _ checkpoint: Checkpoint, to path: String) throws {
        var edit = fit.steering(step.method, of: step.evaluated.map(\.tokens))
        edit.metadata.merge(try checkpoint.provenance().modelMetadata) { $1 }
        edit.metadata.merge(["gate": fit.result().words, "selection": step.method.title]) { $1 }
        if let nothing = edit.reasonForNoEffect(in: checkpoint) {
            Terminal.own.warning("\(path) changes nothing: \(nothing)")
        }
        try edit.bundle.write(safetensors: path)
    }
}
