package import ArgumentParser
import Console
import Logging
import Protocol
import Reporting
import StepCommands

#if canImport(Glibc)
    import Glibc
#endif

/// The program's commands.
package struct Faultline: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "faultline",
        abstract: "Finds the weights that carry a language model's refusals, and tests what happens without them.",
        version: Release.version,
        subcommands: [
            StudyCommand.self, ScoreCommand.self, MaskCommand.self, SubspaceCommand.self, OverlapCommand.self,
            UnitsCommand.self, CurvesCommand.self, ProbeCommand.self, DirectionCommand.self, ScansCommand.self,
            EvaluateCommand.self, FineTuneCommand.self, ExportCommand.self, MergeCommand.self, CosineCommand.self,
            GenerateCommand.self, PlanCommand.self,
            StatusCommand.self, HistoryCommand.self,
            DrainCommand.self, KeygenCommand.self, DigestCommand.self, BenchFleetCommand.self, TokenizeCommand.self,
            RenderCommand.self,
        ])

    package init() {}
}

/// Runs a command line and turns every ending into an exit code: 0 done, 1 failed, 2 usage or bad input.
package enum CommandLineMain {
    package static func run(_ arguments: [String]) async -> Int32 {
        let asked = LogFormat.asked(
            arguments: arguments, environment: getenv("FAULTLINE_LOG").map { String(cString: $0) })
        guard let format = asked else {
            Terminal.own.error("the log's format (--log-format, FAULTLINE_LOG) is text or json")
            return 2
        }
        Terminal.format = format
        defer { Terminal.flush() }
        // Local workers inherit it.
        if format == .json { setenv("FAULTLINE_LOG", format.rawValue, 1) }
        do {
            var command = try Faultline.parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand { try await command.run() } else { try command.run() }
            return 0
        } catch {
            let ending = CommandExit(error)
            if ending.isOutput {
                Terminal.out(ending.text)
            } else {
                Terminal.own.log(level: ending.isStop ? .info : .error, "\(ending.text)")
            }
            return ending.code
        }
    }
}
