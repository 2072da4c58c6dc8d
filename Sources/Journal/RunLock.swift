import Foundation
import Synchronization

/// One coordinator a run directory: an advisory lock that the kernel drops with its process, however that ends.
final class RunLock: Sendable {
    private let held: Mutex<Int32?>

    /// - Throws: `JournalError.inUse` naming the process that holds it.
    init(folder: String) throws(JournalError) {
        let path = folder + "/run.lock"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            let words = String(cString: strerror(errno)).lowercased()
            throw JournalError(.other, "\(folder): cannot write here (\(words)): choose another --run-dir")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            var text = [UInt8](repeating: 0, count: 64)
            let count = pread(descriptor, &text, 64, 0)
            let holder = String(decoding: text.prefix(max(0, count)), as: UTF8.self)
            close(descriptor)
            throw JournalError(
                .inUse,
                "\(folder) is in use by another faultline\(holder.isEmpty ? "" : " (\(holder))"): wait for it, or choose another --run-dir"
            )
        }
        let words = Array("process \(getpid())".utf8)
        ftruncate(descriptor, 0)
        _ = pwrite(descriptor, words, words.count, 0)
        held = Mutex(descriptor)
    }

    deinit { release() }

    func release() {
        held.withLock { descriptor in
            if let open = descriptor { close(open) }
            descriptor = nil
        }
    }
}
