package import Reporting
import Synchronization

/// Something that happened, as status shows it.
package struct RunEvent: Codable, Sendable, Equatable {
    /// Seconds since 1970.
    package var time: Double
    package var level: String
    /// `joined`, `lost`, `interrupted` …, or `message` for a line of words.
    package var event: String
    package var worker: String
    package var task: String
    package var text: String
}

/// The log of a run: the last lines for status, all of them in the run's `log.jsonl`.
package final class RunLog: Sendable {
    /// Events kept for status; those of every task (granted, committed) are not among them.
    package static let kept = 60

    private struct State {
        var epoch: UInt64
        var recent: [RunEvent] = []
    }

    private let state: Mutex<State>
    private let file: LogFile?

    /// - Parameter epoch: which start of the run.
    package init(epoch: UInt64 = 0, file: LogFile? = nil) {
        state = Mutex(State(epoch: epoch))
        self.file = file
    }

    package var epoch: UInt64 {
        get { state.withLock { $0.epoch } }
        set { state.withLock { $0.epoch = newValue } }
    }

    /// Oldest first.
    package var recent: [RunEvent] { state.withLock { $0.recent } }

    package func keep(_ line: LogLine) {
        file?.add(line.json)
        guard line.level != .debug else { return }
        let event = RunEvent(
            time: line.seconds, level: line.level.rawValue, event: line.event, worker: line.worker, task: line.task,
            text: Format.line(line.message, limit: 300))
        state.withLock { state in
            state.recent.append(event)
            if state.recent.count > Self.kept { state.recent.removeFirst() }
        }
    }

    package func flush() { file?.flush() }
}
