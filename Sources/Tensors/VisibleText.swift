/// Text from outside (answers, names of workers, hosts, files and conditions, other libraries' errors) as it may be shown.
///
/// A terminal obeys control characters, and characters that turn the direction of writing or cannot be seen make a line
/// read as another one. Each of them is spelled out instead: `\n`, `\t`, `\r`, or `\u{1B}` with its number in base 16.
public enum VisibleText {
    /// One line: line feeds are spelled out, too.
    public static func line(_ text: String) -> String { spelled(text) { isHidden($0) } }

    /// Several lines: line feeds and tabs stay.
    public static func lines(_ text: String) -> String { spelled(text) { isHidden($0) && $0 != "\n" && $0 != "\t" } }

    /// A JSON text of the same meaning in which no such character stands by itself: `\u001b` in strings (RFC 8259,
    /// section 7). Line feeds between its values stay.
    public static func json(_ text: String) -> String {
        guard !isPlain(text) else { return text }
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            guard isHidden(scalar), scalar != "\n" else {
                result.append(scalar)
                continue
            }
            for unit in String(scalar).utf16 {
                let digits = String(unit, radix: 16)
                result.append(
                    contentsOf: ("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).unicodeScalars)
            }
        }
        return String(result)
    }

    private static func spelled(_ text: String, _ isSpelled: (Unicode.Scalar) -> Bool) -> String {
        guard !isPlain(text) else { return text }
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            guard isSpelled(scalar) else {
                result.append(scalar)
                continue
            }
            let words =
                switch scalar {
                case "\n": "\\n"
                case "\t": "\\t"
                case "\r": "\\r"
                default: "\\u{" + String(scalar.value, radix: 16, uppercase: true) + "}"
                }
            result.append(contentsOf: words.unicodeScalars)
        }
        return String(result)
    }

    /// Nothing but printable ASCII, as nearly always.
    private static func isPlain(_ text: String) -> Bool { text.utf8.allSatisfy { (0x20..<0x7F).contains($0) } }

    /// Controls (C0, DEL, C1), line and paragraph separators, marks and overrides of direction (Unicode Annex 9), and what
    /// has no look of its own: zero-width space, word joiner, invisible operators, byte order mark, annotations, tags.
    /// The joiners U+200C and U+200D stay: scripts and emoji need them.
    private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0...0x1F, 0x7F...0x9F, 0x061C, 0x180E, 0x200B, 0x200E...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF,
            0xFFF9...0xFFFB, 0xE0000...0xE007F:
            true
        default: false
        }
    }
}
