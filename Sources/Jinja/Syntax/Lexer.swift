/// Cuts a template into tokens, with `trim_blocks` and `lstrip_blocks` on, as transformers sets them.
///
/// The rules of white space are those of jinja2's lexer (documentation, "Whitespace Control").
struct Lexer {
    private let source: Text
    private var place = 0
    private var line = 1
    /// What was matched last ended with a newline, or nothing was matched yet.
    private var isLineStart = true
    private(set) var tokens: [Token] = []

    static func tokens(_ source: String) throws(JinjaError) -> [Token] {
        var lexer = Lexer(normalized: Self.normalized(source))
        try lexer.run()
        return lexer.tokens
    }

    private init(normalized source: Text) { self.source = source }

    /// Every line end as `\n`, without one at the very end.
    private static func normalized(_ source: String) -> Text {
        var text = Text(source).replacing("\r\n", with: "\n").replacing("\r", with: "\n")
        if text.hasSuffix("\n") { text.units.removeLast() }
        return text
    }

    private func at(_ offset: Int) -> UInt32? { place + offset < source.count ? source[place + offset] : nil }
    private func stands(_ text: Text) -> Bool { source.matches(text, at: place) }

    private mutating func advance(to end: Int) {
        line += source.units[place..<end].reduce(0) { $0 + ($1 == 0x0A ? 1 : 0) }
        if end > place { isLineStart = source[end - 1] == 0x0A }
        place = end
    }

    private func skippingSpace(_ start: Int) -> Int {
        source.units[start...].firstIndex { !Scalars.isSpace($0) } ?? source.count
    }

    private mutating func run() throws(JinjaError) {
        while place < source.count {
            guard let begin = nextBegin() else {
                append(.data(source[place..<source.count]))
                place = source.count
                break
            }
            try open(at: begin)
        }
        tokens.append(Token(kind: .end, line: line))
    }

    private mutating func append(_ kind: Token.Kind) {
        if case .data(let text) = kind, text.isEmpty { return }
        tokens.append(Token(kind: kind, line: line))
    }

    /// The next `{{`, `{%` or `{#`.
    private func nextBegin() -> Int? {
        var index = place
        while index + 1 < source.count {
            if source[index] == 0x7B, [0x7B, 0x25, 0x23].contains(source[index + 1]) { return index }
            index += 1
        }
        return nil
    }

    private mutating func open(at begin: Int) throws(JinjaError) {
        let mark = source[begin + 1]
        let sign = begin + 2 < source.count ? source[begin + 2] : 0
        let hasSign = sign == 0x2D || sign == 0x2B
        let text = leading(place..<begin, sign: sign, isVariable: mark == 0x7B)
        append(.data(text))
        advance(to: begin + (hasSign ? 3 : 2))
        switch mark {
        case 0x7B:
            append(.variableBegin)
            try expression(isBlock: false)
        case 0x25:
            if let end = rawBegin() {
                advance(to: end)
                try raw()
            } else {
                append(.blockBegin)
                try expression(isBlock: true)
            }
        default: try comment()
        }
    }

    /// The text before a tag, as its sign and `lstrip_blocks` leave it.
    private func leading(_ range: Range<Int>, sign: UInt32, isVariable: Bool) -> Text {
        let text = source[range]
        if sign == 0x2D { return text.stripped(left: false) }
        guard sign != 0x2B, !isVariable else { return text }
        let lineStart = (text.units.lastIndex(of: 0x0A) ?? -1) + 1
        guard lineStart > 0 || isLineStart, lineStart < text.count,
            text.units[lineStart...].allSatisfy({ Scalars.isSpace($0) })
        else {
            return text
        }
        return text[0..<lineStart]
    }

    /// The end of `{% raw %}` where that tag begins here (after `{%` and its sign).
    private func rawBegin() -> Int? {
        var index = skippingSpace(place)
        guard source.matches("raw", at: index) else { return nil }
        index = skippingSpace(index + 3)
        if source.matches("-%}", at: index) { return skippingSpace(index + 3) }
        return source.matches("%}", at: index) ? index + 2 : nil
    }

    private mutating func raw() throws(JinjaError) {
        var index = place
        while let begin = source.find("{%", from: index) {
            var inner = begin + 2
            let sign = inner < source.count ? source[inner] : 0
            if sign == 0x2D || sign == 0x2B { inner += 1 }
            inner = skippingSpace(inner)
            guard source.matches("endraw", at: inner), let end = blockEnd(at: skippingSpace(inner + 6)) else {
                index = begin + 1
                continue
            }
            append(.data(leading(place..<begin, sign: sign, isVariable: false)))
            advance(to: end)
            return
        }
        throw JinjaError(.syntax, line: line, "{% raw %} without {% endraw %}")
    }

    private mutating func comment() throws(JinjaError) {
        guard let mark = source.find("#}", from: place) else {
            throw JinjaError(.syntax, line: line, "a comment without its end")
        }
        var end = mark + 2
        let sign = mark > place ? source[mark - 1] : 0
        if sign == 0x2D {
            end = skippingSpace(end)
        } else if sign != 0x2B, end < source.count, source[end] == 0x0A {
            end += 1
        }
        advance(to: end)
    }

    /// Where a block's end that stands at `index` ends, with the white space it takes.
    private func blockEnd(at index: Int) -> Int? {
        if source.matches("+%}", at: index) { return index + 3 }
        if source.matches("-%}", at: index) { return skippingSpace(index + 3) }
        guard source.matches("%}", at: index) else { return nil }
        return index + 2 < source.count && source[index + 2] == 0x0A ? index + 3 : index + 2
    }

    private func variableEnd(at index: Int) -> Int? {
        if source.matches("-}}", at: index) { return skippingSpace(index + 3) }
        return source.matches("}}", at: index) ? index + 2 : nil
    }

    private mutating func expression(isBlock: Bool) throws(JinjaError) {
        let start = line
        var open: [Token.Symbol] = []
        while let unit = at(0) {
            if open.isEmpty, let end = isBlock ? blockEnd(at: place) : variableEnd(at: place) {
                append(isBlock ? .blockEnd : .variableEnd)
                advance(to: end)
                return
            }
            if Scalars.isSpace(unit) {
                advance(to: skippingSpace(place))
            } else if Scalars.isDigit(unit) {
                try number()
            } else if unit == 0x22 || unit == 0x27 {
                try string(quote: unit)
            } else if Self.isNamePart(unit) {
                name()
            } else {
                try symbol(&open)
            }
        }
        throw JinjaError(.syntax, line: start, isBlock ? "{% without its %}" : "{{ without its }}")
    }

    static func isNamePart(_ unit: UInt32) -> Bool {
        (0x61...0x7A).contains(unit) || (0x41...0x5A).contains(unit) || (0x30...0x39).contains(unit) || unit == 0x5F
    }

    private mutating func name() {
        let end = source.units[place...].firstIndex { !Self.isNamePart($0) } ?? source.count
        append(.name(source[place..<end].string))
        advance(to: end)
    }

    private mutating func symbol(_ open: inout [Token.Symbol]) throws(JinjaError) {
        let two = source[place..<min(place + 2, source.count)].string
        let one = source[place..<place + 1].string
        guard let symbol = Token.Symbol(rawValue: two) ?? Token.Symbol(rawValue: one) else {
            throw JinjaError(.syntax, line: line, "unexpected character \(Printing.quoted(Text(one)).string)")
        }
        switch symbol {
        case .leftParen, .leftBrace, .leftBracket: open.append(symbol)
        case .rightParen, .rightBrace, .rightBracket:
            let partner: Token.Symbol =
                symbol == .rightParen ? .leftParen : symbol == .rightBrace ? .leftBrace : .leftBracket
            guard open.popLast() == partner else {
                throw JinjaError(.syntax, line: line, "unexpected \(symbol.rawValue)")
            }
        default: break
        }
        append(.symbol(symbol))
        advance(to: place + symbol.rawValue.utf8.count)
    }
}

/// Literals.
extension Lexer {
    private mutating func number() throws(JinjaError) {
        let digits = place
        var end = digits
        func run(_ start: Int, _ test: (UInt32) -> Bool) -> Int {
            var index = start
            while index < source.count,
                test(source[index]) || (source[index] == 0x5F && index + 1 < source.count && test(source[index + 1]))
            {
                index += 1
            }
            return index
        }
        if source[digits] == 0x30, let letter = at(1), let radix = Self.radixes[letter | 0x20] {
            end = run(digits + 2) { Scalars.isDigit($0) || (0x61...0x66).contains($0 | 0x20) }
            let text = source[digits + 2..<end].replacing("_", with: "").string
            guard let value = Int(text, radix: radix) else { throw badNumber(end) }
            append(.integer(value))
            return advance(to: end)
        }
        end = run(digits, Scalars.isDigit)
        let whole = end
        if end + 1 < source.count, source[end] == 0x2E, Scalars.isDigit(source[end + 1]) {
            end = run(end + 1, Scalars.isDigit)
        }
        if end < source.count, source[end] | 0x20 == 0x65 {
            var exponent = end + 1
            if exponent < source.count, source[exponent] == 0x2B || source[exponent] == 0x2D { exponent += 1 }
            if exponent < source.count, Scalars.isDigit(source[exponent]) { end = run(exponent, Scalars.isDigit) }
        }
        let text = source[digits..<end].replacing("_", with: "").string
        if end == whole {
            let isZero = text.utf8.allSatisfy { $0 == 0x30 }
            guard let value = Int(text), isZero || text.utf8.first != 0x30 else { throw badNumber(end) }
            append(.integer(value))
        } else {
            guard let value = Double(text) else { throw badNumber(end) }
            append(.float(value))
        }
        advance(to: end)
    }

    private static let radixes: [UInt32: Int] = [0x78: 16, 0x6F: 8, 0x62: 2]

    private func badNumber(_ end: Int) -> JinjaError {
        JinjaError(.unsupported, line: line, "the number \(source[place..<end].string) cannot be read")
    }

    private mutating func string(quote: UInt32) throws(JinjaError) {
        var index = place + 1
        while index < source.count, source[index] != quote { index += source[index] == 0x5C ? 2 : 1 }
        guard index < source.count else { throw JinjaError(.syntax, line: line, "a string without its end") }
        do {
            append(.string(try Self.unescaped(source[place + 1..<index])))
        } catch {
            throw error.at(line)
        }
        advance(to: index + 1)
    }

    /// Python's escapes; an unknown one stays as it is.
    static func unescaped(_ text: Text) throws(JinjaError) -> Text {
        guard text.units.contains(0x5C) else { return text }
        var result: [UInt32] = []
        var index = 0
        while index < text.count {
            let unit = text[index]
            index += 1
            guard unit == 0x5C, index < text.count else {
                result.append(unit)
                continue
            }
            let letter = text[index]
            index += 1
            if let simple = simpleEscapes[letter] {
                result.append(simple)
            } else if letter == 0x0A {
                continue
            } else if let length = hexEscapes[letter] {
                let end = min(index + length, text.count)
                let digits = text[index..<end]
                guard digits.count == length, digits.units.allSatisfy(isHex),
                    let value = UInt32(digits.string, radix: 16), Unicode.Scalar(value) != nil
                else {
                    throw JinjaError(.unsupported, "the escape \\\(Text(units: [letter]).string) has no character")
                }
                result.append(value)
                index = end
            } else if (0x30...0x37).contains(letter) {
                var value = letter - 0x30
                let end = min(index + 2, text.count)
                while index < end, (0x30...0x37).contains(text[index]) {
                    value = value * 8 + text[index] - 0x30
                    index += 1
                }
                result.append(value)
            } else if letter == 0x4E {
                throw .unsupported("the escape \\N")
            } else {
                result += [unit, letter]
            }
        }
        return Text(units: result)
    }

    private static func isHex(_ unit: UInt32) -> Bool {
        Scalars.isDigit(unit) || (0x61...0x66).contains(unit | 0x20)
    }

    private static let simpleEscapes: [UInt32: UInt32] = [
        0x6E: 0x0A, 0x74: 0x09, 0x72: 0x0D, 0x5C: 0x5C, 0x27: 0x27, 0x22: 0x22, 0x61: 0x07, 0x62: 0x08, 0x66: 0x0C,
        0x76: 0x0B,
    ]
    private static let hexEscapes: [UInt32: Int] = [0x78: 2, 0x75: 4, 0x55: 8]
}
