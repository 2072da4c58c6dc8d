import Dispatch
import Foundation
import Protocol
import Tensors

/// A result on its way from a worker to a file, chunk by chunk, with several chunks asked for ahead.
///
/// Chunks are taken on the I/O thread and written by a queue of their own; the file has its name only when it is whole,
/// on disk and of the digest that was offered.
final class Spool: @unchecked Sendable {
    static let ahead = 4

    let key: TaskKey
    let worker: Int
    private let name: String
    let index: Int
    let stage: Int
    let layers: Range<Int>
    let byteCount: Int
    private(set) var asked = 0
    private(set) var received = 0
    private let path: String
    private let expected: String
    private let queue: DispatchQueue
    // Touched on the queue only.
    private var file: AtomicFile?
    private var digest = StreamingDigest()
    private var failure: String?
    private var cancelled = false

    init(
        _ key: TaskKey, worker: Int, name: String, index: Int, stage: Int, layers: Range<Int>, digest: String,
        byteCount: Int,
        folder: String, queue: DispatchQueue
    ) {
        (self.key, self.worker, self.index, self.stage, self.layers) = (key, worker, index, stage, layers)
        self.name = name
        (self.byteCount, expected, self.queue) = (byteCount, digest, queue)
        path = "\(folder)/task-\(key.task)-stage-\(stage)-epoch-\(key.epoch).safetensors"
        queue.async { [self] in
            do { file = try AtomicFile(path: path) } catch { failure = "\(error)" }
        }
    }

    /// The next pieces to ask for.
    func requests() -> [(offset: Int, length: Int)] {
        var pieces: [(Int, Int)] = []
        while asked < byteCount, asked - received < Self.ahead * Limits.chunkBytes {
            let length = min(Limits.chunkBytes, byteCount - asked)
            pieces.append((asked, length))
            asked += length
        }
        return pieces
    }

    /// What was asked for and has not come was lost with the connection.
    func askAgain() { asked = received }

    /// - Returns: whether this was the last one. A piece out of order is ignored.
    func take(offset: Int, _ bytes: [UInt8]) -> Bool {
        guard offset == received, !bytes.isEmpty, bytes.count <= byteCount - received else { return false }
        received += bytes.count
        queue.async { [self] in
            guard !cancelled, failure == nil else { return }
            do {
                bytes.withUnsafeBytes { digest.update($0) }
                try file?.write(bytes)
            } catch { failure = "\(error)" }
        }
        return received == byteCount
    }

    /// Makes the file durable, off the I/O thread.
    func finish(_ done: @escaping @Sendable (Result<StageResult, FleetError>) -> Void) {
        queue.async { [self] in
            guard !cancelled else { return }
            do {
                if let failure { throw FleetError(failure) }
                guard digest.finish() == expected else {
                    throw FleetError("task \(index), stage \(stage): the result's digest differs from the one offered")
                }
                try file?.commit()
                file = nil
                done(
                    .success(
                        StageResult(
                            stage: stage, layers: layers, digest: expected, bundle: .file(path), worker: name)))
            } catch {
                file = nil
                done(.failure(FleetError("\(error)")))
            }
        }
    }

    func cancel() {
        queue.async { [self] in
            cancelled = true
            file = nil
        }
    }
}
