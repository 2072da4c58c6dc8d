import Tensors
import Testing

@Suite struct VisibleTextTests {
    /// What a terminal obeys, or what makes a line read as another one.
    static let hidden: [(Unicode.Scalar, String)] = {
        var all: [(Unicode.Scalar, String)] = [("\n", "\\n"), ("\t", "\\t"), ("\r", "\\r")]
        let others: [UInt32] = [
            0x7F, 0x80, 0x85, 0x9B, 0x9F, 0x61C, 0x180E, 0x200B, 0x200E, 0x200F, 0x2028, 0x2029, 0x202A, 0x202E, 0x2060,
            0x2066, 0x2069, 0xFEFF, 0xFFF9, 0xE0001, 0xE007F,
        ]
        for value in Array(UInt32(0)..<0x20) + others where ![9, 10, 13].contains(value) {
            all.append((Unicode.Scalar(value)!, "\\u{" + String(value, radix: 16, uppercase: true) + "}"))
        }
        return all
    }()

    @Test(arguments: hidden) func whatATerminalObeysIsSpelledOut(scalar: Unicode.Scalar, spelled: String) {
        #expect(VisibleText.line("a\(Character(scalar))b") == "a\(spelled)b")
        // Also where it joins the character before it (a carriage return and a line feed, a tag behind an emoji).
        #expect(VisibleText.line("é\(Character(scalar))") == "é\(spelled)")
    }

    @Test(arguments: ["", "plain ASCII ~ \\n {}", "Düsseldorf — “quoted”", "日本語", "👩‍👩‍👧", "می‌خواهم", "a\u{A0}b", "\u{AD}"])
    func ordinaryTextStays(text: String) {
        #expect(VisibleText.line(text) == text)
        #expect(VisibleText.lines(text) == text)
        #expect(VisibleText.json(text) == text)
    }

    @Test func linesKeepTheirEndsAndTabs() {
        #expect(VisibleText.lines("a\n\tb\r\n\u{1B}[2J") == "a\n\tb\\r\n\\u{1B}[2J")
        #expect(VisibleText.line("a\r\nb") == "a\\r\\nb")
    }

    @Test(arguments: hidden) func jsonMeansTheSame(scalar: Unicode.Scalar, spelled: String) throws {
        let value = JSON.object([.init("a\(Character(scalar))", .text("x\(Character(scalar))y"))])
        let text = VisibleText.json(String(decoding: value.encoded(), as: UTF8.self))
        #expect(VisibleText.line(text) == text)
        #expect(try JSON.parse(Array(text.utf8)) == value)
    }
}
