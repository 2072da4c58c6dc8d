package import ArgumentParser
import Console
import FleetIO
import Foundation
import Journal
import Keys
import Scheduling
import StatusPage

package struct StatusCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Says what a run does: its step, its workers, who waits for what, time left.",
        discussion: "Reads the run directory, from any machine that sees it; or asks the run's status page (--url).")

    @Argument(help: "The run directory.", completion: .directory)
    package var folder: String?

    @Option(
        help: ArgumentHelp("Ask the status page of a run instead (its --status-port).", valueName: "http://host:port"))
    package var url: String?

    @Option(help: ArgumentHelp("With --url: the page's view token.", valueName: "file"))
    package var tokenFile: String?

    @Flag(help: "Say it again every two seconds until the run ends.")
    package var watch = false

    @Flag(help: "As JSON, a line each time.")
    package var json = false

    package init() {}

    package func validate() throws {
        guard (folder == nil) != (url == nil) else {
            throw ValidationError("give either a run directory or --url http://HOST:PORT")
        }
        if tokenFile != nil, url == nil { throw ValidationError("--token-file goes with --url") }
    }

    package func run() async throws {
        if let folder { try await read(folder) } else if let url { try await ask(url) }
    }

    private func read(_ folder: String) async throws {
        while true {
            guard let status = RunStatus.read(from: folder), !status.isStale else { return try reportEnd(folder) }
            try say(status, folder)
            guard watch else { return }
            try await Task.sleep(for: .seconds(2))
        }
    }

    private func ask(_ url: String) async throws {
        let remote = try RemoteStatus(url: url, token: try tokenFile.map { try ViewToken(contentsOf: $0) })
        var hasAnswered = false
        while true {
            let status: RunStatus
            do throws(FleetError) { status = try remote.read() } catch {
                guard hasAnswered, !error.isUsage else { throw error }
                return sayOver("\(url): the run is over, or its coordinator was stopped: nothing answers any more")
            }
            hasAnswered = true
            guard status.progress.phase != .over else { return sayOver("\(url): the run is over") }
            try say(status, url)
            guard watch else { return }
            try await Task.sleep(for: .seconds(2))
        }
    }

    private func say(_ status: RunStatus, _ place: String) throws {
        guard !json else { return Terminal.json(String(decoding: try status.json(), as: UTF8.self)) }
        Terminal.out(StatusText.text(status, place: place, unicode: Terminal.isUnicode))
    }

    private func sayOver(_ line: String) { Terminal.say(json ? "{\"running\":false}" : line) }

    /// No live coordinator: the journal knows how it ended.
    private func reportEnd(_ folder: String) throws {
        let events = try Journal.events(in: folder, task: nil)
        if json {
            Terminal.say("{\"running\":false,\"starts\":\(events.last?.epoch ?? 0)}")
            return
        }
        let committed = events.count { $0.kind == "committed" }
        Terminal.say(
            "\(folder): no coordinator is running; \(committed) results recorded in \(events.last?.epoch ?? 0) starts")
        guard events.last?.kind == "ended" else {
            return Terminal.say("the last one did not end by itself: the same command goes on where it was")
        }
    }
}
