import Foundation

/// A program under test: started, read line by line, ended by its own pid, never waited for without a deadline.
public final class ChildProcess: @unchecked Sendable {
    private let process = Process()
    private let condition = NSCondition()
    private var text = ""
    private var isOver = false
    private var hasEnded = false
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
        process.terminationHandler = { [weak self] _ in self?.terminated() }
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
        condition.lock()
        text += piece
        isOver = isOver || over
        condition.broadcast()
        condition.unlock()
    }

    private func terminated() {
        condition.lock()
        hasEnded = true
        condition.broadcast()
        condition.unlock()
    }

    public var output: String {
        condition.lock()
        defer { condition.unlock() }
        return text
    }

    /// What it said, a line each, without what it took data files for.
    public var complaints: [String] {
        output.split(separator: "\n").map(String.init).filter { !$0.contains(": JSON lines with ") }
    }

    /// - Returns: whether `words` appeared in time.
    public func waitFor(_ words: String, seconds: Double = 30) -> Bool {
        let deadline = Date(timeIntervalSinceNow: seconds)
        condition.lock()
        defer { condition.unlock() }
        while !text.contains(words) { if isOver || !condition.wait(until: deadline) { return text.contains(words) } }
        return true
    }

    /// - Returns: the exit code (negative: the signal), or `nil` where the deadline passed and it had to be killed.
    public func waitForEnd(seconds: Double = 30) -> Int32? {
        let deadline = Date(timeIntervalSinceNow: seconds)
        condition.lock()
        while !hasEnded { if !condition.wait(until: deadline) { break } }
        let finished = hasEnded
        // The last words may still be on their way; another child may hold the pipe open, hence the limit.
        let soon = Date(timeIntervalSinceNow: 1)
        while finished, !isOver { if !condition.wait(until: soon) { break } }
        condition.unlock()
        if !finished { kill(pid, SIGKILL) }
        process.waitUntilExit()
        guard finished else { return nil }
        return process.terminationReason == .uncaughtSignal ? -process.terminationStatus : process.terminationStatus
    }

    public var isRunning: Bool { condition.withLock { !hasEnded } }

    public func send(_ signal: Int32) { kill(pid, signal) }
}
