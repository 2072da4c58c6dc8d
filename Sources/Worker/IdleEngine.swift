import Foundation
package import Protocol
package import Stages
package import Tensors

/// Stands in for a model where the fleet itself is measured (`faultline bench-fleet`): loads nothing, and every task is over as
/// soon as it has begun. What it hands over depends on the task's number alone.
package final class IdleEngine: StageEngine {
    private let resultBytes: Int
    private let log: String?

    /// - Parameters:
    ///   - resultBytes: size of every task's result.
    ///   - log: a file that gets a line for every task that begins (task, process, monotonic seconds). While a file of
    ///     that name with `.hold` behind it exists, the task does not end.
    package init(resultBytes: Int, log: String? = nil) {
        self.resultBytes = resultBytes
        self.log = log
    }

    /// Loads nothing.
    /// - Throws: nothing.
    package func load(_ assignment: StageAssignment) throws {}
    /// Does nothing: there are no weights to edit.
    /// - Throws: nothing.
    package func apply(edit: TensorBundle?) throws {}
    /// Drops the packet: no task of this engine waits for one.
    /// - Throws: nothing.
    package func receive(_ packet: Packet) throws -> [StageOutput] { [] }
    package func abort(task: UInt64) {}

    /// Ends the task at once, with a result of `resultBytes` bytes, or with an empty one.
    /// - Throws: nothing.
    package func begin(task: UInt64, body: TaskBody) throws -> [StageOutput] {
        if let log { note(task, in: log) }
        guard resultBytes > 0 else { return [.result(task: task, TensorBundle())] }
        let buffer = AlignedBuffer(byteCount: resultBytes)
        let words = buffer.address.assumingMemoryBound(to: UInt64.self)
        for index in 0..<resultBytes / 8 { words[index] = (task &<< 40 ^ UInt64(index)) &* 0x9E37_79B9_7F4A_7C15 }
        return [
            .result(
                task: task,
                TensorBundle(entries: [.init(name: "idle", type: .u8, shape: [resultBytes], buffer: buffer)]))
        ]
    }

    private func note(_ task: UInt64, in path: String) {
        let line = Array("\(task) \(getpid()) \(MonotonicClock.now)\n".utf8)
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard file >= 0 else { return }
        _ = write(file, line, line.count)
        close(file)
        while Files.exists("\(path).hold") { usleep(1000) }
    }
}
