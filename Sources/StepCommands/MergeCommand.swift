package import ArgumentParser
import Checkpoint
package import Console
import Datasets
import Experiment
import Logging
import OutputFiles
import Selection

package struct MergeCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "merge",
        abstract: "Mixes a model's weights with other checkpoints' and writes the result as a Hugging Face folder.",
        discussion: """
            --with B --t T: a part of the way to another checkpoint, W + T (B - W). --to A --from B --scale G: the \
            difference of two checkpoints is added, W + G (A - B); without --from it is that to the model itself. \
            Checkpoints of other architectures or shapes are refused by name.
            """)

    @Option(help: ArgumentHelp("A Hugging Face folder or a GGUF file.", valueName: "path"))
    package var model: String

    @Option(help: ArgumentHelp("The checkpoint to go to.", valueName: "path"))
    package var with: String?

    @Option(help: ArgumentHelp("How far: 0 is the model, 1 the other checkpoint.", valueName: "t"))
    package var t: Double?

    @Option(help: ArgumentHelp("The checkpoint that a task vector leads to.", valueName: "path"))
    package var to: String?

    @Option(help: ArgumentHelp("The checkpoint that it comes from.", valueName: "path"))
    package var from: String?

    @Option(help: ArgumentHelp("Factor on the task vector (1).", valueName: "g"))
    package var scale: Double?

    @Option(help: ArgumentHelp("Only this mask's weights get it.", valueName: "file"))
    package var mask: String?

    @Option(help: ArgumentHelp("Each weight gets it with this probability.", valueName: "p"))
    package var share: Double?

    @Option(help: "Of the random share (42).")
    package var seed: UInt64?

    @Flag(help: "Divide what is kept by the share.")
    package var rescale = false

    @Option(help: ArgumentHelp("The folder to write.", valueName: "dir"))
    package var out: String

    @Option(help: "f32, f16 or bf16; by default the checkpoint's own, f16 where it is quantised.")
    package var dtype: DataType?

    @OptionGroup package var content: ContentOptions
    @OptionGroup package var forcing: ForceOption

    package init() {}

    package func validate() throws {
        guard (with == nil) != (to == nil) else { throw ValidationError("give either --with PATH or --to PATH") }
        guard (with == nil) == (t == nil) else { throw ValidationError("--with and --t go together") }
        for (name, isGiven) in [("from", from != nil), ("scale", scale != nil)] where with != nil && isGiven {
            throw ValidationError("--\(name) goes with --to")
        }
        if with != nil, mask != nil || share != nil { throw ValidationError("--mask and --share go with --to") }
        for (name, number) in [("t", t), ("scale", scale)] where number?.isFinite == false {
            throw ValidationError("--\(name) has to be a finite number")
        }
        if let share, !(0...1).contains(share) { throw ValidationError("--share has to be between 0 and 1") }
        for (name, isGiven) in [("rescale", rescale), ("seed", seed != nil)] where share == nil && isGiven {
            throw ValidationError("--\(name) goes with --share")
        }
    }

    package func run() async throws {
        let checkpoint = try content.open(model)
        var outputs = Outputs(model: model, reading: [with, to, from, mask])
        let out = try outputs.folder("--out", out)
        let config = checkpoint.config
        for path in [with, to, from] {
            if let path { ContentOptions.say(try Checkpoint.open(path)) }
        }
        var belonging = forcing.belonging()
        let kept = try mask.map { try belonging.mask($0, for: checkpoint, at: model) }
        var words: [String: String] = [:]
        for (name, path) in [("with", with), ("to", to), ("from", from), ("mask", mask)] { words[name] = path }
        let factor = t ?? scale ?? 1
        words["scale"] = "\(factor)"
        let edit = WeightDelta(
            [
                .init(
                    to: try (with ?? to).map { try OtherCheckpoint(path: $0, for: config) },
                    from: try from.map { try OtherCheckpoint(path: $0, for: config) }, scale: factor, mask: kept,
                    share: share.map { .init(probability: $0, seed: seed ?? 42, isRescaled: rescale) })
            ], metadata: words.merging(belonging.metadata) { $1 })
        if let nothing = edit.reasonForNoEffect(in: checkpoint) {
            Terminal.own.warning("the model stays as it is: \(nothing)")
        }
        try FolderExporter(checkpoint, type: dtype?.type).export(edit, to: out)
    }
}
