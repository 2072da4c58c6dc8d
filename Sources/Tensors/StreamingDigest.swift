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
        let piece = AlignedBuffer(byteCount: min(byteCount, 1 << 20), zeroed: false)
        var digest = StreamingDigest()
        var start = 0
        while start < byteCount {
            let end = min(byteCount, start + piece.byteCount)
            copyBytes(start..<end, into: piece.bytes)
            digest.update(UnsafeRawBufferPointer(rebasing: piece.bytes[0..<end - start]))
            start = end
        }
        return digest.finish()
    }
}
