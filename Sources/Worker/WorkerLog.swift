import Foundation
import Reporting
import Synchronization
import Tensors

/// What the worker's program says, all of it: lines for people, or as JSON an object a line, with what programs want to know besides.
enum WorkerLog {
    private static let state = Mutex((format: LogFormat.text, worker: ""))

    /// Set once, before anything is said.
    static func use(_ format: LogFormat) { state.withLock { $0.format = format } }

    /// One line, without control characters (`VisibleText`).
    /// - Parameter level: `nil`: as the line says.
    static func say(_ line: String, to handle: FileHandle, level: LogLine.Level? = nil) {
        let (format, worker) = state.withLock { $0 }
        guard format == .json else { return write(VisibleText.line(line) + "\n", to: handle) }
        var entry = LogLine.said(line, seconds: Date().timeIntervalSince1970)
        entry.worker = worker
        entry.level = level ?? entry.level
        write("\(entry.json)\n", to: handle)
    }

    /// Help and version, which were asked for.
    static func page(_ text: String) { write(VisibleText.lines(text) + "\n", to: .standardOutput) }

    /// A log that takes nothing more (its disk is full) is no reason to end, hence `try?`.
    private static func write(_ text: String, to handle: FileHandle) {
        try? handle.write(contentsOf: Data(text.utf8))
    }

    /// An event that people need not be told of.
    /// - Parameter worker: the name the coordinator gave; empty: as before.
    static func note(_ event: String, worker: String, epoch: UInt64, _ words: String) {
        let name = state.withLock { state in
            if !worker.isEmpty { state.worker = worker }
            return state.format == .json ? state.worker : nil
        }
        guard let name else { return }
        let entry = LogLine(
            seconds: Date().timeIntervalSince1970, level: LogLine.level(of: event), event: event, worker: name,
            epoch: epoch, message: words)
        write("\(entry.json)\n", to: .standardError)
    }
}
