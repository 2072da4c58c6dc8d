package import FleetIO
import Foundation
import Reporting
import Scheduling
import Tensors

/// A run's status for a terminal.
package enum StatusText {
    /// - Parameter place: what the user asked for: a run directory or an address.
    package static func text(_ status: RunStatus, place: String, unicode: Bool) -> String {
        let progress = status.progress
        let start = status.epoch > 0 ? ", start \(status.epoch)" : ""
        var text = lines(["\(place): process \(status.process) on \(status.host)\(start)", headline(status)])
        text += lines(progress.waits)
        var table = Table([
            .init("worker", .left), .init("host", .left), .init("pid"), .init("holds", .left),
            .init("works on", .left), .init("batches"), .init("/s"), .init("waits", .left),
        ])
        for worker in progress.workers {
            let steps = worker.busy >= 10 ? "one step for \(Int(worker.busy)) s" : ""
            table.append([
                worker.name, worker.host, "\(worker.pid)", worker.state,
                Format.line(worker.running.joined(separator: ", "), limit: 48), "\(worker.batches)",
                rate(worker.rate), worker.waits.isEmpty ? steps : worker.waits,
            ])
        }
        if !progress.workers.isEmpty { text += table.text(unicode: unicode) }
        return text + lines(progress.remarks) + lines(status.events.suffix(8).map(line))
    }

    /// What workers and files are called is theirs.
    private static func lines(_ lines: [String]) -> String { lines.map { VisibleText.line($0) + "\n" }.joined() }

    /// "scoring safety: 5 of 12 tasks, 1200 of 3000 tokens (40 %), 310/s, 0:06 left"
    package static func headline(_ status: RunStatus) -> String {
        let progress = status.progress
        switch progress.phase {
        case .over: return "the run is over"
        case .joining: return "workers are awaited"
        case .loading: return "the workers load the model"
        case .between: return "between two steps"
        case .working: break
        }
        let percent = progress.cost > 0 ? 100 * progress.costDone / progress.cost : 0
        var text = progress.label.isEmpty ? "" : "\(progress.label): "
        text += "\(progress.tasksDone) of \(progress.tasks) tasks, "
        text += "\(Int(progress.costDone)) of \(Int(progress.cost)) tokens (\(Format.fixed(percent, 0)) %)"
        if let rate = status.rate { text += ", \(Self.rate(rate))/s" }
        if let left = status.secondsLeft { text += ", \(Format.duration(left)) left" }
        return text
    }

    private static func rate(_ value: Double) -> String { Format.fixed(value, value < 1 ? 2 : value < 10 ? 1 : 0) }

    private static func line(_ event: RunEvent) -> String {
        let format = DateFormatter()
        format.dateFormat = "HH:mm:ss"
        let who = [event.event == "message" ? "" : event.event, event.worker, event.task].filter { !$0.isEmpty }
        let words = who.isEmpty ? "" : who.joined(separator: " ") + ": "
        return "\(format.string(from: Date(timeIntervalSince1970: event.time)))  \(words)\(event.text)"
    }
}
