package import ArgumentParser
import Checkpoint
package import Console
import Datasets
import Experiment
import Logging
import OutputFiles
import Selection
import Tensors

package struct ExportCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Writes an edited model as a Hugging Face folder.",
        discussion: """
            An edit that works while the model runs, as steering, is refused: weights alone do not hold it. With --adapter a \
            low-rank edit is written as a LoRA adapter that peft loads.
            """)

    @Option(help: ArgumentHelp("A Hugging Face folder or a GGUF file.", valueName: "path"))
    package var model: String

    @Option(help: ArgumentHelp("The weights to set to zero.", valueName: "file"))
    package var mask: String?

    @Option(
        help: ArgumentHelp("The edit: a file of a study's edits, or of faultline subspace edit.", valueName: "file"))
    package var edit: String?

    @Flag(help: "Write the edit alone, as a LoRA adapter.")
    package var adapter = false

    @Option(help: ArgumentHelp("The folder to write.", valueName: "dir"))
    package var out: String

    @Option(help: "f32, f16 or bf16; by default the checkpoint's own, f16 where it is quantised. An adapter is f32.")
    package var dtype: DataType?

    @OptionGroup package var content: ContentOptions
    @OptionGroup package var forcing: ForceOption

    package init() {}

    package func validate() throws {
        guard (mask == nil) != (edit == nil) else { throw ValidationError("give either --mask FILE or --edit FILE") }
        if adapter, edit == nil { throw ValidationError("--adapter goes with --edit") }
        if adapter, dtype != nil { throw ValidationError("--dtype does not go with --adapter") }
    }

    package func run() async throws {
        let checkpoint = try content.open(model)
        var outputs = Outputs(model: model, reading: [mask, edit])
        let out = try outputs.folder("--out", out)
        let exporter = FolderExporter(checkpoint, type: dtype?.type)
        var belonging = forcing.belonging()
        if let edit {
            let change = try belonging.edit(edit, for: checkpoint, at: model)
            warn(edit, try change.reasonForNoEffect(in: checkpoint))
            guard adapter else {
                do { return try exporter.export(change, to: out) } catch let error as SelectionError
                    where error == .notExported(type(of: change).title)
                {
                    throw InputError(edit, "\(error)")
                }
            }
            guard let ranks = change.adapter else {
                throw InputError(
                    edit, "is no change of few ranks (\(type(of: change).title)): a LoRA adapter cannot hold it")
            }
            try exporter.exportAdapter(ranks, to: out)
        } else if let mask {
            let zeros = ZeroedWeights(try belonging.mask(mask, for: checkpoint, at: model))
            warn(mask, try zeros.reasonForNoEffect(in: checkpoint))
            try exporter.export(zeros, to: out)
        }
    }

    private func warn(_ file: String, _ nothing: String?) {
        if let nothing { Terminal.own.warning("\(file) changes nothing: \(nothing)") }
    }
}
