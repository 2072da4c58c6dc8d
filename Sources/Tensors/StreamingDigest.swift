import Crypto

/// SHA-256 over bytes that arrive in pieces.
public struct StreamingDigest: Sendable {
    private var hasher = SHA256()

    public init() {}

    public mutating func update(_ bytes: UnsafeRawBufferPointer) { hasher.update(bufferPointer: bytes) }

    /// 64 lower-case hex digits.
    public consuming func finish() -> String {
        Digest.hexadecimal(hasher.finalize())
    }
}

extension TensorBundle.Image {
    /// Digest of the file that the image stands for.
    public func sha256() -> String {
        var digest = StreamingDigest()
        forEachPiece { digest.update($0) }
        return digest.finish()
    }

    /// Digest of the file, and in the same pass over memory the sums that a transfer of it will need.
    public mutating func seal() -> String {
        var digest = StreamingDigest()
        var sums: [UInt64] = []
        forEachPiece {
            digest.update($0)
            sums.append(ChunkSum.of($0))
        }
        self.sums = sums
        return digest.finish()
    }

    /// The `ChunkSum` of a piece that `seal` has met; `nil` for any other range, and before.
    public func sealedSum(of range: Range<Int>) -> UInt64? {
        let (index, rest) = range.lowerBound.quotientAndRemainder(dividingBy: Self.sumBytes)
        guard rest == 0, index < sums.count, range.upperBound == min(byteCount, range.lowerBound + Self.sumBytes)
        else { return nil }
        return sums[index]
    }

    private func forEachPiece(_ body: (UnsafeRawBufferPointer) -> Void) {
        let piece = AlignedBuffer(byteCount: min(byteCount, Self.sumBytes), zeroed: false)
        for start in stride(from: 0, to: byteCount, by: Self.sumBytes) {
            let range = start..<min(byteCount, start + Self.sumBytes)
            if let slice = slice(range) {
                body(UnsafeRawBufferPointer(rebasing: slice.buffer.bytes[slice.range]))
            } else {
                copyBytes(range, into: piece.bytes)
                body(UnsafeRawBufferPointer(rebasing: piece.bytes[0..<range.count]))
            }
        }
    }
}
