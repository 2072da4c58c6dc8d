import Contracts
import Dispatch
import Foundation
import Protocol
import Scheduling
import Tensors
import ZeroMQ

/// The bytes of a result on their way to a file: checked, hashed and written by a queue of their own, in order.
///
/// Until the result is whole and of the digest that was offered, they are in a file named after that digest, which outlives
/// the transfer: whoever offers the same result later goes on behind what is there. A full disk is waited for.
final class ResultWriter: @unchecked Sendable {
    enum Event: Sendable {
        /// So many bytes are there from an earlier attempt.
        case opened(Int)
        case written(Int)
        /// The chunk at this offset is not what was sent.
        case damaged(Int)
        case finished(path: String)
        /// All bytes are there, and they are not what was offered.
        case mismatched
        /// They are no result of their task, whatever else they are; the file is gone.
        case unsound(String)
        case failed(String)
    }

    /// Bytes after which what is there is flushed while more comes, so that little is left to flush at the end.
    private static let stride = 64 << 20
    private static let flusher = DispatchQueue(label: "faultline.flush")

    private let path: String
    private let byteCount: Int
    private let digest: String
    private let queue: DispatchQueue
    private let report: @Sendable (RunOccurrence) -> Void
    private let tell: @Sendable (Event) -> Void
    private let lock = NSLock()
    private var isClosed = false
    // Touched on the queue only.
    private var descriptor: Int32 = -1
    private var hasher = StreamingDigest()
    private let freshScan: ResultScan
    private var scan: ResultScan
    private var position = 0
    /// Bytes of an earlier attempt, perhaps somebody else's.
    private var inherited = 0
    private var begun = 0
    private var isBroken = false
    /// What came is no result, and that was said.
    private var isJudged = false
    private var isPaused = false

    /// - Parameters:
    ///   - path: of the unfinished file; nobody else's.
    ///   - tell: called on the queue.
    init(
        path: String, byteCount: Int, digest: String, scan: ResultScan, queue: DispatchQueue,
        report: @escaping @Sendable (RunOccurrence) -> Void, tell: @escaping @Sendable (Event) -> Void
    ) {
        (self.path, self.byteCount, self.digest, self.queue) = (path, byteCount, digest, queue)
        (self.report, self.tell, self.scan, freshScan) = (report, tell, scan, scan)
        perform { [self] in
            while descriptor < 0 {
                descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
                if descriptor < 0 { try pause(errno) }
            }
            position = try readPrefix()
            (begun, inherited) = (position, position)
            tell(.opened(position))
            judge()
        }
    }

    deinit { if descriptor >= 0 { Glibc.close(descriptor) } }

    /// Takes the chunk that follows the last one.
    func take(_ frame: ReceivedFrame, offset: Int, sum: UInt64) {
        perform { [self] in
            // Behind a damaged chunk everything comes again.
            guard offset == position, !isJudged else { return }
            guard ChunkSum.of(frame.bytes) == sum else { return tell(.damaged(offset)) }
            hasher.update(frame.bytes)
            scan.take(frame.bytes)
            try write(frame.bytes)
            tell(.written(frame.count))
            judge()
        }
    }

    /// Ends the transfer where what has come is no result. What somebody else left here is not held against this worker:
    /// all comes again.
    private func judge() {
        guard let fault = scan.fault, !isJudged else { return }
        isJudged = true
        guard inherited == 0 else { return tell(.mismatched) }
        Files.removeFile(path)
        tell(.unsound(fault))
    }

    /// Makes the file durable and gives it its name.
    func finish(as name: String) {
        perform { [self] in
            guard !isJudged else { return }
            let whole = hasher
            guard position == byteCount, whole.finish() == digest else { return tell(.mismatched) }
            if try scan.finish({ try TensorBundle(mapping: path) }) != nil { return judge() }
            while ftruncate(descriptor, off_t(byteCount)) != 0 { try pause(errno) }
            while fsync(descriptor) != 0 {
                try pause(errno)
                // Linux forgets pages that it could not write: what is on disk has to be looked at again.
                (hasher, scan, position) = (StreamingDigest(), freshScan, 0)
                position = try readPrefix()
                let again = hasher
                guard position == byteCount, again.finish() == digest else { return tell(.mismatched) }
            }
            while true {
                do throws(FileFault) {
                    try Files.rename(path, to: name)
                    break
                } catch { try pause(error.code) }
            }
            AtomicFile.flushFolder(of: name)
            tell(.finished(path: name))
        }
    }

    /// Begins anew, without what was there.
    func restart() {
        perform { [self] in
            while ftruncate(descriptor, 0) != 0 { try pause(errno) }
            (position, begun, hasher, scan, inherited) = (0, 0, StreamingDigest(), freshScan, 0)
            isJudged = false
        }
    }

    /// Ends it; what was written stays.
    func close() { lock.withLock { isClosed = true } }

    private struct Closed: Error {}

    private func perform(_ body: @escaping @Sendable () throws -> Void) {
        queue.async { [self] in
            guard !isBroken, !lock.withLock({ isClosed }) else { return }
            do {
                try body()
                guard isPaused else { return }
                isPaused = false
                report(.diskAgain(path: path))
            } catch is Closed {
            } catch {
                isBroken = true
                tell(.failed("\(error)"))
            }
        }
    }

    private func write(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes
        while rest.count > 0 {
            let written = pwrite(descriptor, rest.baseAddress!, rest.count, off_t(position))
            guard written > 0 else {
                try pause(written == 0 ? ENOSPC : errno)
                continue
            }
            position += written
            rest = UnsafeRawBufferPointer(rebasing: rest[written...])
        }
        guard position - begun >= Self.stride else { return }
        begun = position
        // What goes wrong here shows at the end, too.
        Self.flusher.async { [self] in fdatasync(descriptor) }
    }

    /// - Returns: how many bytes of an earlier attempt are there; they are in the digest now.
    private func readPrefix() throws -> Int {
        let piece = AlignedBuffer(byteCount: 1 << 20, zeroed: false)
        var offset = 0
        while offset < byteCount {
            let count = pread(descriptor, piece.address, min(piece.byteCount, byteCount - offset), off_t(offset))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            let bytes = UnsafeRawBufferPointer(rebasing: piece.bytes[0..<count])
            hasher.update(bytes)
            scan.take(bytes)
            offset += count
            if lock.withLock({ isClosed }) { throw Closed() }
        }
        return offset
    }

    /// What a failed call is followed by: another try, after a wait where the disk has no room, or the end.
    private func pause(_ code: Int32) throws {
        if code == EINTR { return }
        guard [ENOSPC, EDQUOT, EROFS, EIO].contains(code) else {
            throw FleetError("\(path): \(String(cString: strerror(code)))")
        }
        if !isPaused {
            isPaused = true
            report(.diskFull(path: path, error: String(cString: strerror(code))))
        }
        for _ in 0..<10 {
            if lock.withLock({ isClosed }) { throw Closed() }
            usleep(100_000)
        }
    }
}
