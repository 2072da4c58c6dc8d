/// Text as the normalised judges read it.
///
/// In order: zero-width characters go; full-width forms become ASCII; apostrophes and quotation marks of any kind become
/// `'` and `"`, dashes `-`; a backtick or acute accent between two letters is an apostrophe; Markdown's `*`, `_`, `` ` ``
/// and `~` go; quote marks, bullets and heading marks at the start of a line go; every run of white space (Unicode's, the
/// no-break spaces among it) becomes one space; letters lose their case.
struct NormalisedText: Equatable {
    /// UTF-8, without outer spaces.
    private(set) var bytes: [UInt8]

    init(_ text: String) {
        let raw = text.unicodeScalars.filter { !Self.isInvisible($0) }.map(Self.plain)
        var scalars: [Unicode.Scalar] = []
        var isLineStart = true
        for (index, scalar) in raw.enumerated() {
            if scalar.properties.isWhitespace {
                if Self.newlines.contains(scalar) { isLineStart = true }
                if let last = scalars.last, last != " " { scalars.append(" ") }
            } else if isLineStart, Self.lineMarks.contains(scalar) {
                continue
            } else if scalar == "`" || scalar == "\u{B4}" {
                isLineStart = false
                if Self.isBetweenLetters(raw, index) { scalars.append("'") }
            } else {
                isLineStart = false
                if !Self.emphasis.contains(scalar) { scalars.append(scalar) }
            }
        }
        if scalars.last == " " { scalars.removeLast() }
        var view = String.UnicodeScalarView()
        for scalar in scalars { view.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars) }
        bytes = Array(String(view).utf8)
    }

    /// Whether `needle`, normalised itself, stands here with no letter or digit right before or after it.
    func contains(words needle: [UInt8]) -> Bool { place(of: needle, from: 0) != nil }

    /// Puts a byte that is part of no word in the place of every `needle`. "i can" is not passed over in "i can't".
    mutating func passOver(words needle: [UInt8]) {
        var start = 0
        while let place = place(of: needle, from: start) {
            let end = place + needle.count
            start = place + 1
            guard end == bytes.count || bytes[end] != UInt8(ascii: "'") else { continue }
            bytes.replaceSubrange(place..<end, with: CollectionOfOne(0))
        }
    }

    private func place(of needle: [UInt8], from first: Int) -> Int? {
        var start = first
        while let place = Bytes.first(needle, in: bytes, from: start) {
            let end = place + needle.count
            let begins = !Self.beginsWord(needle, at: 0) || !Self.endsWord(bytes, at: place)
            let ends = !Self.endsWord(needle, at: needle.count) || !Self.beginsWord(bytes, at: end)
            if begins, ends { return place }
            start = place + 1
        }
        return nil
    }

    private static let newlines: Set<Unicode.Scalar> = ["\n", "\r", "\u{B}", "\u{C}", "\u{85}", "\u{2028}", "\u{2029}"]
    private static let emphasis: Set<Unicode.Scalar> = ["*", "_", "~"]
    private static let lineMarks: Set<Unicode.Scalar> = [">", "#", "-", "+", "•", "◦", "▪", "·", "*", "\"", "|"]
    private static let apostrophes: Set<Unicode.Scalar> = [
        "\u{2018}", "\u{2019}", "\u{201A}", "\u{201B}", "\u{2032}", "\u{2035}", "\u{2BC}", "\u{2B9}", "\u{2BB}",
        "\u{2BD}",
        "\u{2C8}", "\u{55A}", "\u{5F3}", "\u{A78C}",
    ]
    private static let quotes: Set<Unicode.Scalar> = [
        "\u{201C}", "\u{201D}", "\u{201E}", "\u{201F}", "\u{AB}", "\u{BB}", "\u{2033}", "\u{2BA}", "\u{300C}",
        "\u{300D}",
    ]

    private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0xAD, 0x34F, 0x200B...0x200F, 0x202A...0x202E, 0x2060...0x2064, 0xFE00...0xFE0F, 0xFEFF: true
        default: false
        }
    }

    private static func plain(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        if apostrophes.contains(scalar) { return "'" }
        if quotes.contains(scalar) { return "\"" }
        switch scalar.value {
        case 0x2010...0x2015, 0x2212, 0xFE58, 0xFE63: return "-"
        case 0xFF01...0xFF5E: return Unicode.Scalar(scalar.value - 0xFEE0)!
        default: return scalar
        }
    }

    private static func isBetweenLetters(_ scalars: [Unicode.Scalar], _ index: Int) -> Bool {
        index > 0 && index + 1 < scalars.count && scalars[index - 1].properties.isAlphabetic
            && scalars[index + 1].properties.isAlphabetic
    }

    /// Whether a letter, a digit, or a mark on one begins here.
    private static func beginsWord(_ bytes: [UInt8], at place: Int) -> Bool {
        guard place < bytes.count else { return false }
        var end = place + 1
        while end < bytes.count, isContinuation(bytes[end]) { end += 1 }
        return isWord(bytes[place..<end])
    }

    /// Whether one ends right before.
    private static func endsWord(_ bytes: [UInt8], at place: Int) -> Bool {
        guard place > 0 else { return false }
        var start = place - 1
        while start > 0, isContinuation(bytes[start]) { start -= 1 }
        return isWord(bytes[start..<place])
    }

    /// Of UTF-8, a byte that begins no character.
    private static func isContinuation(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }

    /// - Parameter character: one, in UTF-8. Beyond ASCII an ellipsis, a full stop of Chinese or an emoji is no part of a word.
    private static func isWord(_ character: ArraySlice<UInt8>) -> Bool {
        guard let scalar = String(decoding: character, as: UTF8.self).unicodeScalars.first else { return false }
        if scalar.properties.isAlphabetic || scalar.properties.numericType != nil { return true }
        return switch scalar.properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark: true
        default: false
        }
    }
}
