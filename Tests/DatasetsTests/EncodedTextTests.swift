import Datasets
import Tensors
import TestSupport
import Testing

@Suite struct EncodedTextTests {
    private static func utf16(_ text: String, little: Bool) -> [UInt8] {
        (little ? [0xFF, 0xFE] : [0xFE, 0xFF])
            + text.utf16.flatMap { unit in
                let bytes = [UInt8(unit >> 8), UInt8(unit & 0xFF)]
                return little ? bytes.reversed() : bytes
            }
    }

    @Test func whatIsRead() throws {
        let text = "é 😀\r\nb"
        for raw in [
            Array(text.utf8), [0xEF, 0xBB, 0xBF] + Array(text.utf8), Self.utf16(text, little: true),
            Self.utf16(text, little: false),
        ] {
            #expect(try EncodedText(raw, source: "f").bytes == Array(text.utf8))
        }
        #expect(try EncodedText(Self.utf16("a", little: true), source: "f").isUTF16)
    }

    static let refused: [([UInt8], String)] = [
        (
            Array("abc\nd".utf8) + [0xE9, 0x20],
            "f:2: not UTF-8 text: byte 0xE9 at 5, byte 2 of the line; save it as UTF-8 (it may be Latin-1 or Windows-1252)"
        ),
        ([0xC0, 0x80], "f:1: not UTF-8 text: byte 0xC0 at 0, byte 1 of the line"),
        ([0x61, 0xED, 0xA0, 0x80], "f:1: not UTF-8 text: byte 0xED at 1"),
        ([0xF0, 0x9F, 0x98], "f:1: not UTF-8 text: byte 0xF0 at 0"),
        ([0x61, 0, 0x62, 0], "f:1: byte 1 is zero: no text, or UTF-16 without a byte order mark"),
        ([0xFF, 0xFE, 0, 0, 0x61, 0, 0, 0], "f: UTF-32 text"),
        ([0xFF, 0xFE, 0x61], "f: UTF-16 text with half a character"),
        ([0xFF, 0xFE, 0x61, 0, 0, 0xD8, 0x62, 0], "f: UTF-16 text with half a surrogate pair at byte 4"),
        ([0x1F, 0x8B, 8], "f: gzip, not text: unpack it first"),
        (Array("PK\u{3}\u{4}".utf8), "f: a zip archive or an Office document, not text"),
        ([0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1, 0], "f: an old Office document, not text: save"),
        (Array("PAR1".utf8), "f: Parquet, not text"),
        (Array("version https://git-lfs.github.com/spec/v1\noid".utf8), "f: a Git LFS pointer"),
    ]

    @Test(arguments: refused) func whatIsRefusedByName(raw: [UInt8], message: String) {
        let error = #expect(throws: InputError.self) { try EncodedText(raw, source: "f") }
        #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "")")
    }

    @Test func linesAndTheirNumbers() {
        let bytes = Array("a\rb\r\nc\n\nd".utf8)
        #expect(TextFile.lines(bytes) == ["a", "b", "c", "", "d"])
        #expect([0, 2, 5, 8].map { TextFile.line(of: $0, in: bytes) } == [1, 2, 3, 5])
    }

    @Test func controlCharactersAreEscaped() {
        let hidden = InputError("a\u{1B}[31m.csv:1", "has \u{7}, \u{202E} and \u{9B}")
        #expect(hidden.description == "a\\u{1B}[31m.csv:1: has \\u{7}, \\u{202E} and \\u{9B}")
        #expect(VisibleText.line("é 😀") == "é 😀")
    }
}
