/// A Python string: a sequence of Unicode scalars, never compared by canonical equivalence.
///
/// Each scalar has a mark that says whether it came from outside the template (a user's text). Marks go along with
/// every operation and never change what is computed: equality, order and hashes do not see them.
public struct Text: Sendable, Hashable {
    /// Scalar values; the two highest bits (`Text.mark`) are the mark of those from outside.
    package var units: [UInt32]

    package static let mark: UInt32 = 3 << 30

    package init(units: [UInt32]) { self.units = units }

    public init(_ string: String) { units = string.unicodeScalars.map(\.value) }

    /// Where a text from outside the template comes from.
    public enum Origin: UInt32, Sendable { case user = 1, system, assistant }

    /// A text from outside the template: every scalar is marked.
    public init(_ string: String, from origin: Origin) {
        units = string.unicodeScalars.map { $0.value | origin.rawValue << 30 }
    }

    var count: Int { units.count }
    var isEmpty: Bool { units.isEmpty }

    /// The scalar value at `index`, without its mark.
    subscript(index: Int) -> UInt32 { units[index] & ~Self.mark }

    subscript(range: Range<Int>) -> Text { Text(units: Array(units[range])) }

    public static func == (left: Text, right: Text) -> Bool {
        left.units.count == right.units.count && left.matches(right, at: 0)
    }

    public func hash(into hasher: inout Hasher) {
        for unit in units { hasher.combine(unit & ~Self.mark) }
    }

    /// Whether `other` stands at `place`.
    func matches(_ other: Text, at place: Int) -> Bool {
        guard place >= 0, place + other.units.count <= units.count else { return false }
        for index in other.units.indices where (units[place + index] ^ other.units[index]) & ~Self.mark != 0 {
            return false
        }
        return true
    }

    static func + (left: Text, right: Text) -> Text { Text(units: left.units + right.units) }
    static func += (left: inout Text, right: Text) { left.units += right.units }

    static func < (left: Text, right: Text) -> Bool {
        for index in 0..<min(left.count, right.count) where left[index] != right[index] {
            return left[index] < right[index]
        }
        return left.count < right.count
    }

    public var string: String {
        var view = String.UnicodeScalarView()
        for unit in units { view.append(Unicode.Scalar(unit & ~Self.mark) ?? "\u{FFFD}") }
        return String(view)
    }

    /// Runs of scalars of one origin; `nil` is the template itself.
    public var runs: [(text: String, origin: Origin?)] {
        var result: [(text: String, origin: Origin?)] = []
        var start = 0
        while start < units.count {
            let mark = units[start] & Self.mark
            let end = units[start...].firstIndex { $0 & Self.mark != mark } ?? units.count
            result.append((self[start..<end].string, Origin(rawValue: mark >> 30)))
            start = end
        }
        return result
    }

    /// What stands before the first and after the last scalar of that origin; `nil` where there is none.
    public func around(_ origin: Origin) -> (before: Text, after: Text)? {
        let mark = origin.rawValue << 30
        guard let first = units.firstIndex(where: { $0 & Self.mark == mark }),
            let last = units.lastIndex(where: { $0 & Self.mark == mark })
        else {
            return nil
        }
        return (self[0..<first], self[last + 1..<count])
    }

    /// What stands between `before` and `after` in this text; `nil` where it does not begin and end with them.
    public func between(_ before: Text, _ after: Text) -> Text? {
        guard count >= before.count + after.count, hasPrefix(before), hasSuffix(after) else { return nil }
        return self[before.count..<count - after.count]
    }

    /// Without white space at both ends, as Python's `strip()`.
    public var trimmed: Text { stripped() }

    public func appending(_ other: Text) -> Text { self + other }
}

extension Text: ExpressibleByStringLiteral {
    public init(stringLiteral value: String) { self.init(value) }
}

/// What Python knows of single scalars.
enum Scalars {
    static func scalar(_ unit: UInt32) -> Unicode.Scalar { Unicode.Scalar(unit & ~Text.mark) ?? "\u{FFFD}" }

    /// As `str.isspace`: white space, and the four separators U+001C to U+001F.
    static func isSpace(_ unit: UInt32) -> Bool {
        let value = unit & ~Text.mark
        if value < 128 { return value == 0x20 || (0x09...0x0D).contains(value) || (0x1C...0x1F).contains(value) }
        return scalar(unit).properties.isWhitespace
    }

    static func isLineEnd(_ unit: UInt32) -> Bool {
        switch unit & ~Text.mark {
        case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029: true
        default: false
        }
    }

    static func isPrintable(_ unit: UInt32) -> Bool {
        let value = unit & ~Text.mark
        if value < 128 { return value >= 0x20 && value < 0x7F }
        switch scalar(unit).properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
            .spaceSeparator:
            return false
        default: return true
        }
    }

    static func isDigit(_ unit: UInt32) -> Bool { (0x30...0x39).contains(unit & ~Text.mark) }

    static func isAlphabetic(_ unit: UInt32) -> Bool {
        switch scalar(unit).properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        default: false
        }
    }

    static func isCased(_ unit: UInt32) -> Bool { scalar(unit).properties.isCased }
}
