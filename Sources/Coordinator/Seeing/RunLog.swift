import Foundation
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

/// What a run says and notes, in one place: the last of it for status, all of it in the run's `log.jsonl`, and on standard
/// error where JSON was asked for.
package final class RunLog: Sendable {
    /// Events kept for status; those of every task (granted, committed) are not among them.
    package static let kept = 60

    private struct State {
        var epoch: UInt64
        var recent: [RunEvent] = []
    }

    private let state: Mutex<State>
    private let file: LogFile?
    private let emit: @Sendable (LogLine) -> Void

    /// - Parameters:
    ///   - epoch: which start of the run.
    ///   - emit: where notes go beside the file. Lines that are said come from there, and do not go back.
    package init(epoch: UInt64 = 0, file: LogFile? = nil, emit: @escaping @Sendable (LogLine) -> Void = { _ in }) {
        state = Mutex(State(epoch: epoch))
        self.file = file
        self.emit = emit
    }

    package var epoch: UInt64 {
        get { state.withLock { $0.epoch } }
        set { state.withLock { $0.epoch = newValue } }
    }

    /// Oldest first.
    package var recent: [RunEvent] { state.withLock { $0.recent } }

    /// A line that people have been shown.
    package func said(_ line: String) { keep(.said(line, seconds: Self.now, epoch: epoch)) }

    package func noted(_ kind: String, task: String, worker: String, _ text: String) {
        let line = LogLine(
            seconds: Self.now, level: LogLine.level(of: kind), event: kind, worker: worker, task: task, epoch: epoch,
            message: String(text.prefix(2000)))
        keep(line)
        emit(line)
    }

    private func keep(_ line: LogLine) {
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

    private static var now: Double { Date().timeIntervalSince1970 }
}
