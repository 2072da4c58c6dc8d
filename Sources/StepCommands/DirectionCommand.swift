package import ArgumentParser
import Checkpoint
package import Console
import Datasets
import Logging
import OutputFiles
import Selection
import Tensors

package struct DirectionCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "direction",
        abstract: "Makes a direction, and a control vector, of a residual_state statistic that a study collected.",
        discussion: """
            The direction is the mean state of the harmful prompts less that of the harmless ones, at the input of one \
            block and one token of the prompt. A study takes the file as direction: {edit: ablate, file: FILE}; \
            llama.cpp takes the control vector.
            """)

    @Option(help: ArgumentHelp("A Hugging Face folder or a GGUF file.", valueName: "path"))
    package var model: String

    @Option(help: ArgumentHelp("The statistic's file.", valueName: "file"))
    package var statistic: String

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The block at whose input the states are compared, from 0.", valueName: "number"))
    package var layer: Int

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The token of the prompt, -1 being the last one.", valueName: "number"))
    package var position = -1

    @Option(help: ArgumentHelp("The direction's file.", valueName: "file"))
    package var out: String

    @Option(help: ArgumentHelp("Write a control vector (GGUF), too.", valueName: "file"))
    package var controlVector: String?

    @OptionGroup package var content: ContentOptions
    @OptionGroup package var forcing: ForceOption

    package init() {}

    package func run() async throws {
        let checkpoint = try content.open(model)
        let config = checkpoint.config
        var outputs = Outputs(model: model, reading: [statistic])
        let out = try outputs.file("--out", out, standard: "direction.safetensors")
        let other = try outputs.file("--control-vector", controlVector, standard: "direction.gguf")
        guard (0..<config.layerCount).contains(layer) else {
            throw InputError("--layer", "\(layer) is none of the model's \(config.layerCount) blocks")
        }
        let file = try StatisticFile(statistic, of: ResidualState.name)
        var belonging = forcing.belonging()
        try belonging.check(
            Provenance(statistic, metadata: file.metadata), belongsTo: try checkpoint.provenance(), at: model)
        var direction = try file.read {
            try ResidualDirection(of: $0, layer: layer, position: position, config: config)
        }
        try direction.check(against: config, named: statistic)
        direction.metadata = try checkpoint.provenance().modelMetadata
        direction.metadata["statistic"] = try Digest.sha256(file: statistic)
        direction.metadata.merge(belonging.metadata) { $1 }
        if let other { try ControlVector.write(direction, of: config, to: other) }
        try direction.bundle.write(safetensors: out)
        Terminal.log.info("\(out): a direction at the input of block \(layer), position \(position)")
    }
}
