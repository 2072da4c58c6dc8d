/// Text functions as Python's `str` has them, on Unicode scalars: Swift's own compare canonically and see graphemes.
package enum PythonText {
    /// `isspace()`; beside Unicode's white space it counts the four separators U+001C to U+001F.
    package static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
    }

    /// `strip()`.
    package static func strip(_ text: String) -> String {
        let scalars = text.unicodeScalars
        guard let first = scalars.firstIndex(where: { !isSpace($0) }),
            let last = scalars.lastIndex(where: { !isSpace($0) })
        else { return "" }
        return String(scalars[first...last])
    }

    /// `len()`.
    package static func length(_ text: String) -> Int { text.unicodeScalars.count }

    /// `capitalize()`: the first letter in title case, all others in lower case.
    package static func capitalize(_ text: String) -> String {
        let scalars = Array(text.unicodeScalars)
        guard let first = scalars.first else { return "" }
        return scalars.indices.dropFirst().reduce(into: first.properties.titlecaseMapping) { result, index in
            result += isFinalSigma(scalars, index) ? "\u{3C2}" : scalars[index].properties.lowercaseMapping
        }
    }

    /// A capital sigma after a letter and before none (Unicode, "Final_Sigma").
    private static func isFinalSigma(_ scalars: [Unicode.Scalar], _ index: Int) -> Bool {
        guard scalars[index] == "\u{3A3}" else { return false }
        func isCased(_ scalar: Unicode.Scalar?) -> Bool { scalar?.properties.isCased ?? false }
        let before = scalars[..<index].last { !$0.properties.isCaseIgnorable }
        let after = scalars[(index + 1)...].first { !$0.properties.isCaseIgnorable }
        return isCased(before) && !isCased(after)
    }

    /// `replace(pattern, replacement)`.
    package static func replace(_ text: String, _ pattern: String, with replacement: String) -> String {
        let (bytes, needle) = (Array(text.utf8), Array(pattern.utf8))
        precondition(!needle.isEmpty, "an empty pattern")
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index...].starts(with: needle) {
                result += replacement.utf8
                index += needle.count
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// `re.sub(r"\[.*?\]", "", text)`: without anything in square brackets on one line.
    package static func withoutBrackets(_ text: String) -> String {
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "["),
                let end = bytes[index...].firstIndex(where: { $0 == UInt8(ascii: "]") || $0 == 10 }), bytes[end] != 10
            {
                index = end + 1
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
