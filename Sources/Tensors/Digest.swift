import Crypto

/// SHA-256 digests as 64 lower-case hex digits.
public enum Digest {
    public static func sha256(_ bytes: UnsafeRawBufferPointer) -> String {
        var hasher = SHA256()
        hasher.update(bufferPointer: bytes)
        return hasher.finalize().map { hexadecimal($0) }.joined()
    }

    public static func sha256(_ bytes: [UInt8]) -> String { bytes.withUnsafeBytes { sha256($0) } }

    /// Digest of a file's contents.
    /// - Throws: `TensorFileError` where it cannot be read.
    public static func sha256(file path: String) throws(TensorFileError) -> String {
        let mapping = try FileMapping(path: path)
        return withExtendedLifetime(mapping) { sha256(mapping.bytes) }
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16)
        return byte < 16 ? "0" + digits : digits
    }
}
