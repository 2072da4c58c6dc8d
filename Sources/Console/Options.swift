public import ArgumentParser
public import Checkpoint
package import Datasets
public import Evaluation
public import Jinja
import Logging
package import OutputFiles
public import Protocol
public import Reporting
public import Selection
import StudyFile
public import Tensors

extension Group: ExpressibleByArgument {}
extension RankAmount: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}
extension ScoreMethod: ExpressibleByArgument {}
extension AttentionUnit: ExpressibleByArgument {}
extension UnitScores.Normalization: ExpressibleByArgument {}
extension UnitSettings.Scope: ExpressibleByArgument {}
extension UnitClass: ExpressibleByArgument {}
extension UnitClasses.Order: ExpressibleByArgument {}
extension ScansMethod.LastState: ExpressibleByArgument {}
extension Loss: ExpressibleByArgument {}
extension FirstTokenKL: ExpressibleByArgument {}
extension TaskBody.Training.Parameters: ExpressibleByArgument {}
extension ZeroShotTask: ExpressibleByArgument {}
extension AttackSetting.Kind: ExpressibleByArgument {}
extension Study.Keep: ExpressibleByArgument {}
extension LogFormat: ExpressibleByArgument {}
extension KernelLevel: ExpressibleByArgument {}
extension Thinking: ExpressibleByArgument {
    public init?(argument: String) { self.init(word: argument) }
    public static var allValueStrings: [String] { ["on", "off"] }
}
extension CalendarDay: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}

/// What exported weights are stored as.
package enum DataType: String, ExpressibleByArgument, CaseIterable, Sendable {
    case f32, f16, bf16

    package var type: ElementType {
        switch self {
        case .f32: .f32
        case .f16: .f16
        case .bf16: .bf16
        }
    }
}

/// Which workers do the work. Of all this, `level` alone changes last bits of results.
package struct FleetOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Local workers to start.", valueName: "n"))
    package var workers: Int?

    @Option(
        help: ArgumentHelp(
            "Wait for workers at this endpoint (tcp://host:port) instead of starting them.", valueName: "endpoint"))
    package var listen: String?

    @Option(
        help: ArgumentHelp(
            "With --listen: write the addresses workers can try to this file (removed at the end).", valueName: "file"))
    package var joinFile: String?

    @Option(help: ArgumentHelp("Seconds to wait for the workers to join. Default: 60.", valueName: "s"))
    package var wait: Double?

    @Option(
        help: ArgumentHelp("Pipelines the workers form; by default as many as the model's size allows.", valueName: "k")
    )
    package var pipelines: Int?

    @Option(help: ArgumentHelp("Compute threads of a local worker.", valueName: "n"))
    package var threads: Int?

    @Option(
        help: ArgumentHelp(
            "Kernel level of all workers, which decides last bits. Default: the run's, or else the highest that all have.",
            valueName: "level"))
    package var level: KernelLevel?

    @Option(
        help: ArgumentHelp(
            "With --listen: this fleet's coordinator.key, allowed.json beside it (faultline keygen).",
            valueName: "file"))
    package var keys: String?

    @Flag(name: .customLong("insecure-plain-tcp"), help: "Allow unencrypted TCP beyond this machine.")
    package var insecurePlainTCP = false

    /// Tests: seconds of silence after which a worker is lost.
    @Option(help: .hidden) package var lease: Double?
    @Option(
        help: ArgumentHelp(
            "Serve a status page, status.json and metrics at this port (0: any free one).", valueName: "n"))
    package var statusPort: Int?

    @Option(help: ArgumentHelp("Serve it at this address of this machine. Default: 127.0.0.1.", valueName: "host"))
    package var statusHost: String?

    @Option(
        help: ArgumentHelp(
            "Show it only with this token (keygen's view.token), which is needed beyond this machine. Default there: view.token beside --keys.",
            valueName: "file"))
    package var viewToken: String?

    @Option(help: "What standard error is: text, or json (an object a line). Default: FAULTLINE_LOG, or text.")
    package var logFormat: LogFormat?

    package init() {}

    /// The file that a fleet's coordinator writes for its workers.
    /// - Throws: `InputError` saying why it cannot be written there.
    package func check(_ outputs: inout Outputs) throws(InputError) {
        if let joinFile { _ = try outputs.file("--join-file", joinFile, standard: "join.json") }
    }

    package func validate() throws {
        if let lease, !(lease >= 1 && lease <= 3600) {
            throw ValidationError("--lease \(lease) is out of range: 1 to 3600 seconds")
        }
        for (name, value) in [("workers", workers), ("pipelines", pipelines), ("threads", threads)] {
            if let value, value < 1 || value > 4096 {
                throw ValidationError("--\(name) \(value) is out of range: 1 to 4096")
            }
        }
        if let statusPort, !(0...65_535).contains(statusPort) {
            throw ValidationError("--status-port \(statusPort) is out of range: 0 to 65535")
        }
        if statusPort == nil, statusHost != nil || viewToken != nil {
            throw ValidationError("--status-host and --view-token go with --status-port")
        }
        if joinFile != nil, listen == nil { throw ValidationError("--join-file goes with --listen") }
        if let wait, !(wait >= 1 && wait <= 604_800) {
            throw ValidationError("--wait \(wait) is out of range: 1 to 604800 seconds")
        }
        if listen == nil, let level, level > .highest {
            throw ValidationError(
                "--level \(level): the highest kernel level of this machine's CPU is \(KernelLevel.highest)")
        }
        if keys != nil, listen == nil { throw ValidationError("--keys goes with --listen: local workers need no keys") }
        if keys != nil, insecurePlainTCP { throw ValidationError("--keys and --insecure-plain-tcp exclude each other") }
        if let pipelines, let workers, pipelines > workers {
            throw ValidationError("--pipelines \(pipelines) needs at least as many workers, not \(workers)")
        }
    }
}

/// The checkpoint and how text reaches it.
package struct ModelOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A Hugging Face folder or a GGUF file.", valueName: "path"))
    package var model: String

    @Option(
        help: ArgumentHelp(
            "Chat template in place of the checkpoint's own: \(TemplateFamily.names.joined(separator: ", ")), or a file.",
            valueName: "name"))
    package var template: String?

    @OptionGroup package var content: ContentOptions

    @Option(
        help: ArgumentHelp("System prompt: template (what the template brings), none, or the text.", valueName: "text"))
    package var system = "template"

    @Option(
        help: ArgumentHelp(
            "Whether a model that can thinks before it answers. Default: as its template has it.", valueName: "on|off"))
    package var thinking: Thinking?

    @Option(help: ArgumentHelp("The day for templates that write the date. Default: today.", valueName: "yyyy-mm-dd"))
    package var date: CalendarDay?

    package init() {}

    /// Opens the checkpoint that `--model` names.
    /// - Throws: `CheckpointError` where it cannot be read.
    package func checkpoint() throws -> Checkpoint { try content.open(model) }

    package var layout: ChatLayout {
        ChatLayout(template: template, system: SystemPrompt(word: system), thinking: thinking ?? .template, day: date)
    }

    /// The checkpoint and its text codec.
    /// - Parameter systems: other system prompts that will be asked for.
    /// - Throws: `CheckpointError` where it cannot be read; `InputError` where the chat template does not fit it.
    package func open(systems: [SystemPrompt] = []) throws -> (checkpoint: Checkpoint, codec: ChatCodec) {
        let checkpoint = try checkpoint()
        return (checkpoint, try ChatCodec(checkpoint, layout, systems: systems))
    }
}

/// How examples are cut into blocks and batches; these settings do change the last bits of results.
package struct BatchOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Examples in a block, the unit of merging.", valueName: "n"))
    package var blockExamples = 8

    @Option(help: ArgumentHelp("Tokens in a batch.", valueName: "n"))
    package var batchTokens = BatchPacking.standardTokens

    @Option(help: "Seed of every random draw.")
    package var seed: UInt64 = 42

    package init() {}

    package func validate() throws {
        guard blockExamples >= 1 else { throw ValidationError("--block-examples has to be at least 1") }
        guard (16...1_000_000).contains(batchTokens) else {
            throw ValidationError("--batch-tokens has to be 16 to 1000000")
        }
    }
}

/// Two lists of prompts that are told apart.
package struct PromptListOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Harmful prompts: text (one a line), JSON lines, JSON, CSV or TSV.", valueName: "file"))
    package var harmful: String

    @Option(help: ArgumentHelp("Harmless prompts.", valueName: "file"))
    package var harmless: String

    package init() {}
}

/// How data files are read.
package struct DataOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Percent of a data file's entries that may be left out because they cannot be used.", valueName: "percent"))
    package var maxSkipped = DataFiles.standardMaxSkipped

    package init() {}

    package func validate() throws {
        guard (0...100).contains(maxSkipped) else {
            throw ValidationError("--max-skipped \(maxSkipped) is out of range: 0 to 100")
        }
    }

    /// Says on standard error what every file is taken for.
    package func files(_ codec: any TextCodec) -> DataFiles {
        DataFiles(maxSkipped: maxSkipped, codec: codec) { Terminal.log.info("\($0)") }
    }
}
