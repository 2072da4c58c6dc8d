import Crypto
import Dispatch
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// A mapped file's content as the SHA-256 digests of its pieces of 8 MiB, hashed when they are asked for, on all cores.
///
/// What was hashed before is taken from a `ContentMemory`, where there is one.
public final class FileContent: Sendable {
    public static let pieceBytes = 8 << 20

    private let mapping: FileMapping
    private let path: String
    private let memory: ContentMemory?
    private let pieces: Mutex<[String?]>

    /// - Parameter memory: what was hashed earlier on this machine; `nil`: nothing, and nothing is kept.
    public init(_ mapping: FileMapping, memory: ContentMemory? = nil) {
        self.mapping = mapping
        self.memory = memory
        path = Self.absolute(mapping.path)
        let count = (mapping.bytes.count + Self.pieceBytes - 1) / Self.pieceBytes
        let known = memory?.recall(path, mapping.identity)
        pieces = Mutex(known?.count == count ? known! : Array(repeating: nil, count: count))
    }

    public var byteCount: Int { mapping.bytes.count }

    /// Bytes that would have to be read to know the pieces under these byte ranges.
    public func unknownBytes(under ranges: [Range<Int>]) -> Int {
        missing(under: ranges).reduce(0) { $0 + Self.range(of: $1, in: byteCount).count }
    }

    /// Digests of the pieces that these byte ranges touch, by the pieces' numbers, in order: 64 hex digits each.
    /// - Parameter progress: is told, from any thread, how many bytes were hashed since it was last told.
    public func digests(
        under ranges: [Range<Int>], progress: @Sendable (Int) -> Void = { _ in }
    ) -> [(piece: Int, digest: String)] {
        let missing = missing(under: ranges)
        if !missing.isEmpty { hash(missing, progress) }
        let all = pieces.withLock { $0 }
        return Self.numbers(under: ranges, in: byteCount).map { ($0, all[$0]!) }
    }

    /// Digest of the whole: over its size and its pieces' digests. How many threads hashed them is no part of it.
    public func digest(progress: @Sendable (Int) -> Void = { _ in }) -> String {
        let words = digests(under: [0..<byteCount], progress: progress).map(\.digest).joined(separator: "\n")
        return Digest.sha256(Array("\(byteCount)\n\(words)".utf8))
    }

    private func hash(_ missing: [Int], _ progress: @Sendable (Int) -> Void) {
        let began = memory?.now() ?? 0
        DispatchQueue.concurrentPerform(iterations: missing.count) { index in
            let number = missing[index]
            let bytes = UnsafeRawBufferPointer(rebasing: mapping.bytes[Self.range(of: number, in: byteCount)])
            madvise(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count, MADV_WILLNEED)
            let digest = Digest.sha256(bytes)
            pieces.withLock { $0[number] = digest }
            progress(bytes.count)
        }
        // Written to meanwhile: what was hashed is of no file that there ever was.
        guard let memory, FileIdentity(path: path) == mapping.identity else { return }
        memory.remember(path, mapping.identity, pieces.withLock { $0 }, began: began)
    }

    private func missing(under ranges: [Range<Int>]) -> [Int] {
        let numbers = Self.numbers(under: ranges, in: byteCount)
        return pieces.withLock { pieces in numbers.filter { pieces[$0] == nil } }
    }

    private static func numbers(under ranges: [Range<Int>], in byteCount: Int) -> [Int] {
        var numbers: Set<Int> = []
        for range in ranges.map({ $0.clamped(to: 0..<byteCount) }) where !range.isEmpty {
            numbers.formUnion(range.lowerBound / pieceBytes...(range.upperBound - 1) / pieceBytes)
        }
        return numbers.sorted()
    }

    private static func range(of piece: Int, in byteCount: Int) -> Range<Int> {
        piece * pieceBytes..<min(byteCount, (piece + 1) * pieceBytes)
    }

    /// Links followed, as far as that goes.
    private static func absolute(_ path: String) -> String { Files.resolved(path) ?? path }
}
