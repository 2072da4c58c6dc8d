/// Bytes of UTF-8 text, compared byte by byte.
///
/// `String` compares canonically ("é" equals "e" + U+0301), so vocabularies keyed by it would lose entries.
package struct ByteString: Hashable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
    package var bytes: [UInt8]

    package init(_ bytes: [UInt8]) { self.bytes = bytes }
    package init(_ text: String) { bytes = Array(text.utf8) }
    package init(stringLiteral text: String) { bytes = Array(text.utf8) }

    /// The text; malformed bytes become U+FFFD.
    package var text: String { String(decoding: bytes, as: UTF8.self) }
    package var description: String { text }

    package static func == (a: ByteString, b: ByteString) -> Bool { a.bytes == b.bytes }
    package func hash(into hasher: inout Hasher) { bytes.withUnsafeBytes { hasher.combine(bytes: $0) } }
}
