import Foundation
import Synchronization

/// A program under test: started, read line by line, ended by its own pid, never waited for without a deadline.
public final class ChildProcess: @unchecked Sendable {
    private let process = Process()
    private struct State {
        var text = ""
        /// Its output is closed; it has ended.
        var isOver = false
        var hasEnded = false
    }

    private let state = Mutex(State())
    public var pid: Int32 { process.processIdentifier }

    /// Executables built beside the tests.
    public static func product(_ name: String) -> String {
        let own =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        return URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent(name).path
    }

    /// Standard output and error come as one text.
    public init(_ executable: String, _ arguments: [String], environment: [String: String] = [:]) throws {
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        process.standardInput = FileHandle.nullDevice
        process.terminationHandler = { [weak self] _ in self?.state.withLock { $0.hasEnded = true } }
        try process.run()
        // A thread of its own: `readabilityHandler` of many short-lived pipes crashes libdispatch's event loop on Linux
        // now and then.
        Thread { [weak self, reading = pipe.fileHandleForReading] in
            while true {
                let data = reading.availableData
                self?.add(String(decoding: data, as: UTF8.self), over: data.isEmpty)
                if data.isEmpty { return }
            }
        }.start()
    }

    deinit { if process.isRunning { kill(pid, SIGKILL) } }

    private func add(_ piece: String, over: Bool) {
        state.withLock { state in
            state.text += piece
            state.isOver = state.isOver || over
        }
    }

    public var output: String { state.withLock { $0.text } }

    /// What it said, a line each, without what it took data files for.
    public var complaints: [String] {
        output.split(separator: "\n").map(String.init).filter { !$0.contains(": JSON lines with ") }
    }

    /// - Returns: whether `words` appeared in time.
    public func waitFor(_ words: String, seconds: Double = 30) -> Bool {
        func isSaid() -> Bool { output.contains(words) }
        return eventually(within: seconds) { isSaid() || state.withLock { $0.isOver } } && isSaid()
    }

    /// - Returns: the exit code (negative: the signal), or `nil` where the deadline passed and it had to be killed.
    public func waitForEnd(seconds: Double = 30) -> Int32? {
        let finished = eventually(within: seconds) { state.withLock { $0.hasEnded } }
        // The last words may still be on their way; another child may hold the pipe open, hence the limit.
        if finished { _ = eventually(within: 1) { state.withLock { $0.isOver } } } else { kill(pid, SIGKILL) }
        process.waitUntilExit()
        guard finished else { return nil }
        return process.terminationReason == .uncaughtSignal ? -process.terminationStatus : process.terminationStatus
    }

    public var isRunning: Bool { state.withLock { !$0.hasEnded } }

    public func send(_ signal: Int32) { kill(pid, signal) }
}
