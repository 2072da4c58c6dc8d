import ArgumentParser
import DecoderEngine

/// What `make bench` runs.
@main struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "faultline-bench", abstract: "Speeds beside what the machine and its libraries do.",
        subcommands: [ComputeBench.self, BulkBench.self], defaultSubcommand: ComputeBench.self)

    /// With the kernels that a worker would take.
    static func main() {
        if let level = KernelLevel.better { print(KernelLevel.restart(at: level)) }
        main(nil)
    }
}
