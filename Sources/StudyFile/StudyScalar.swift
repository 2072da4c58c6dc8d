import Yams

/// A scalar of a study file as YAML 1.2's core schema reads it (YAML 1.2.2, section 10.3.2): `yes`, `on`, `1_000` and dates
/// are texts, `013` is thirteen, `0o14` twelve. What is quoted is a text.
enum StudyScalar: Equatable {
    case null
    case boolean(Bool)
    case integer(Int)
    case number(Double)
    case text(String)

    init(_ scalar: Node.Scalar) {
        let isPlain = scalar.style == .plain || scalar.style == .any
        let isText = scalar.tag.description == Tag.Name.str.rawValue || scalar.tag.description == "!"
        self = isPlain && !isText ? Self.resolved(scalar.string) : .text(scalar.string)
    }

    /// A plain scalar's value.
    static func resolved(_ text: String) -> StudyScalar {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .boolean(true)
        case "false", "False", "FALSE": return .boolean(false)
        case ".nan", ".NaN", ".NAN": return .number(.nan)
        default: break
        }
        if let digits = digits(text, after: "0o", "01234567") { return integer(digits, radix: 8) }
        if let digits = digits(text, after: "0x", "0123456789abcdefABCDEF") { return integer(digits, radix: 16) }
        let sign = text.hasPrefix("-") ? -1.0 : 1
        let body = text.hasPrefix("-") || text.hasPrefix("+") ? text.dropFirst() : Substring(text)
        if [".inf", ".Inf", ".INF"].contains(body) { return .number(sign * .infinity) }
        guard isNumber(body) else { return .text(text) }
        if body.utf8.allSatisfy(isDigit), let value = Int(text) { return .integer(value) }
        let whole = body.first == "." ? "0" + body : body.replacing(".e", with: "e").replacing(".E", with: "e")
        return Double(whole.last == "." ? String(whole.dropLast()) : String(whole)).map { .number(sign * $0) }
            ?? .text(text)
    }

    private static func digits(_ text: String, after prefix: String, _ allowed: String) -> Substring? {
        guard text.hasPrefix(prefix), text.count > 2 else { return nil }
        let digits = text.dropFirst(2)
        return digits.allSatisfy(allowed.contains) ? digits : nil
    }

    private static func integer(_ digits: Substring, radix: Int) -> StudyScalar {
        Int(digits, radix: radix).map { .integer($0) } ?? .number(.infinity)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }

    /// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
    private static func isNumber(_ text: Substring) -> Bool {
        var rest = text.utf8[...]
        func take() -> Int {
            let digits = rest.prefix(while: isDigit)
            rest = rest.dropFirst(digits.count)
            return digits.count
        }
        let before = take()
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            guard take() + before > 0 else { return false }
        } else if before == 0 {
            return false
        }
        guard let next = rest.first else { return true }
        guard next == UInt8(ascii: "e") || next == UInt8(ascii: "E") else { return false }
        rest = rest.dropFirst()
        if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") { rest = rest.dropFirst() }
        return take() > 0 && rest.isEmpty
    }
}

extension Node {
    /// `nil` for a list or a mapping.
    var value: StudyScalar? { scalar.map { StudyScalar($0) } }

    var isNull: Bool { value == .null }

    /// A whole number, however it is written (`1e3`).
    var wholeNumber: Int? {
        switch value {
        case .integer(let value): value
        case .number(let value): Int(exactly: value)
        default: nil
        }
    }

    var realNumber: Double? {
        switch value {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    /// For errors: as it is written, with quotes where these make it a text.
    var shown: String {
        guard let scalar else { return "a list or mapping" }
        if case .text(let text) = StudyScalar(scalar), StudyScalar.resolved(text) != .text(text) {
            return "the text \"\(text)\""
        }
        return scalar.string.isEmpty ? "nothing" : scalar.string
    }
}
