package import ArgumentParser
import Foundation
import Journal
import Reporting

package struct StatusCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Says what a run does: its step, its workers, who works on what, time left.",
        discussion: "Reads the run directory, from any machine that sees it.")

    @Argument(help: "The run directory.", completion: .directory)
    package var folder: String

    @Flag(help: "Say it again every two seconds until the run ends.")
    package var watch = false

    @Flag(help: "As JSON, a line each time.")
    package var json = false

    package init() {}

    package func run() async throws {
        while true {
            let status = RunStatus.read(from: folder)
            if let status, !status.isStale {
                Terminal.out(json ? try Self.line(status) : text(status))
            } else {
                try report(stale: status)
                return
            }
            guard watch else { return }
            try await Task.sleep(for: .seconds(2))
        }
    }

    private static func line(_ status: RunStatus) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return String(decoding: try encoder.encode(status), as: UTF8.self) + "\n"
    }

    private func text(_ status: RunStatus) -> String {
        let progress = status.progress
        var text = "\(folder): process \(status.process) on \(status.host), start \(status.epoch)\n"
        if progress.tasks > 0 {
            let percent = progress.cost > 0 ? 100 * progress.costDone / progress.cost : 0
            text +=
                "\(status.step): \(progress.tasksDone) of \(progress.tasks) tasks, \(Int(progress.costDone)) of \(Int(progress.cost)) tokens (\(Format.fixed(percent, 0)) %)\n"
        }
        var table = Table([
            .init("worker", .left), .init("host", .left), .init("pid"), .init("holds", .left),
            .init("works on", .left), .init("steps"),
        ])
        for worker in progress.workers {
            let doing =
                worker.silent > 5
                ? "silent for \(Int(worker.silent)) s"
                : worker.running.isEmpty ? "waits for a task" : worker.running.joined(separator: ", ")
            table.append([worker.name, worker.host, "\(worker.pid)", worker.state, doing, "\(worker.steps)"])
        }
        return text + table.text(unicode: Terminal.isUnicode) + progress.remarks.map { $0 + "\n" }.joined()
    }

    /// No live coordinator: the journal knows how it ended.
    private func report(stale: RunStatus?) throws {
        let events = try Journal.events(in: folder, task: nil)
        if json {
            Terminal.out("{\"running\":false,\"starts\":\(events.last?.epoch ?? 0)}\n")
            return
        }
        let committed = events.count { $0.kind == "committed" }
        Terminal.out(
            "\(folder): no coordinator is running; \(committed) results recorded in \(events.last?.epoch ?? 0) starts\n"
        )
        guard events.last?.kind == "ended" else {
            return Terminal.out("the last one did not end by itself: the same command goes on where it was\n")
        }
    }
}
