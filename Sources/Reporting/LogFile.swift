import Foundation
import Tensors

/// A log of bounded size: `PATH`, and what was before it in `PATH.1`. Best effort: a full disk loses lines, never the run.
public final class LogFile: Sendable {
    private let path: String
    private let limit: Int
    private let queue = DispatchQueue(label: "faultline.log")

    /// - Parameter limit: bytes after which a new file is begun; the two take at most twice as much.
    public init(path: String, limit: Int = 8 << 20) {
        self.path = path
        self.limit = limit
    }

    /// Off the caller's thread, which may be one that must not wait for a disk.
    public func add(_ line: String) {
        queue.async { [path, limit] in
            let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else { return }
            defer { close(descriptor) }
            let bytes = Array("\(line)\n".utf8)
            _ = write(descriptor, bytes, bytes.count)
            if lseek(descriptor, 0, SEEK_END) >= limit { try? Files.rename(path, to: "\(path).1") }
        }
    }

    /// Returns when what was added is written.
    public func flush() { queue.sync {} }
}
