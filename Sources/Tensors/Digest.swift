import Crypto

/// SHA-256 digests as 64 lower-case hex digits.
public enum Digest {
    public static func sha256(_ bytes: UnsafeRawBufferPointer) -> String {
        var hasher = SHA256()
        hasher.update(bufferPointer: bytes)
        return hexadecimal(hasher.finalize())
    }

    public static func sha256(_ bytes: [UInt8]) -> String { bytes.withUnsafeBytes { sha256($0) } }

    /// Digest of a file's contents.
    /// - Throws: `TensorFileError` where it cannot be read.
    public static func sha256(file path: String) throws(TensorFileError) -> String {
        let mapping = try FileMapping(path: path)
        return withExtendedLifetime(mapping) { sha256(mapping.bytes) }
    }

    static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
