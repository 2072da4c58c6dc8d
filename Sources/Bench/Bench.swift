import ArgumentParser

/// What `make bench` runs.
@main struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "faultline-bench", abstract: "Speeds beside what the machine and its libraries do.",
        subcommands: [ComputeBench.self, BulkBench.self], defaultSubcommand: ComputeBench.self)
}
