import Foundation
import Logging
import Reporting
import Synchronization
import Tensors

/// What the worker's program says, all of it: lines for people, or as JSON an object a line, with what programs want to know besides.
enum WorkerLog {
    private static let state = Mutex((format: LogFormat.text, worker: ""))

    /// What goes on, on standard output; errors and warnings on standard error.
    static let log = logger(notices: .standardOutput)

    /// All on standard error.
    static let side = logger(notices: .standardError)

    /// Set once, before anything is said.
    static func use(_ format: LogFormat) { state.withLock { $0.format = format } }

    private static func logger(notices: FileHandle) -> Logger {
        Logger(label: "faultline-worker") { _ in
            LineLogHandler(now: { Date().timeIntervalSince1970 }) { tell($0, notices: notices) }
        }
    }

    private static func tell(_ entry: LineLogHandler.Entry, notices: FileHandle) {
        var line = entry.line
        let format = state.withLock { state in
            // Named once, when it joins.
            if !line.worker.isEmpty { state.worker = line.worker }
            line.worker = state.worker
            return state.format
        }
        let isComplaint = [.warning, .error].contains(line.level)
        let handle = isComplaint || line.event != LogLine.message ? .standardError : notices
        switch format {
        case .json: write("\(line.json)\n", to: handle)
        case .text where entry.text.isEmpty: break
        case .text:
            let word = line.level == .warning ? "warning: " : ""
            write(
                VisibleText.line(isComplaint ? "faultline-worker: \(word)\(entry.text)" : entry.text) + "\n", to: handle
            )
        }
    }

    /// Help and version, which were asked for.
    static func page(_ text: String) { write(VisibleText.lines(text) + "\n", to: .standardOutput) }

    /// A log that takes nothing more (its disk is full) is no reason to end, hence `try?`.
    private static func write(_ text: String, to handle: FileHandle) {
        try? handle.write(contentsOf: Data(text.utf8))
    }
}
