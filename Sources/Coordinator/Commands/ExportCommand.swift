package import ArgumentParser
import Checkpoint
import Selection

package struct ExportCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Writes a model without a mask's weights as a Hugging Face folder.")

    @Option(help: ArgumentHelp("A Hugging Face folder or a GGUF file.", valueName: "path"))
    package var model: String

    @Option(help: ArgumentHelp("The weights to set to zero.", valueName: "file"))
    package var mask: String

    @Option(help: ArgumentHelp("The folder to write.", valueName: "dir"))
    package var out: String

    @Option(help: "f32, f16 or bf16; by default the checkpoint's own, f16 where it is quantised.")
    package var dtype: DataType?

    package init() {}

    package func run() async throws {
        let checkpoint = try Checkpoint.open(model)
        let edit = try Mask(contentsOf: mask)
        try edit.check(against: checkpoint, named: "\(mask) against \(model)")
        try FolderExporter(checkpoint, type: dtype?.type).export(mask: edit, to: out)
    }
}
