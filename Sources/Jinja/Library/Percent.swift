/// Python's `format % values`.
struct Percent {
    private let format: Text
    private let renderer: Renderer
    private var place = 0
    private var values: [Value]
    private let mapping: Dict?
    private var used = 0

    static func format(_ format: Text, _ values: Value, _ renderer: Renderer) throws(JinjaError) -> Text {
        var percent = Percent(format, values, renderer)
        return try percent.run(values)
    }

    private init(_ format: Text, _ values: Value, _ renderer: Renderer) {
        self.format = format
        self.renderer = renderer
        if case .dict(let dict) = values { mapping = dict } else { mapping = nil }
        if case .tuple(let items) = values { self.values = items } else { self.values = [values] }
    }

    private mutating func run(_ given: Value) throws(JinjaError) -> Text {
        var result = Text(units: [])
        while place < format.count {
            guard format[place] == 0x25 else {
                result.units.append(format.units[place])
                place += 1
                continue
            }
            place += 1
            result += try conversion()
            try renderer.checkLength(result.count)
        }
        let isTuple = if case .tuple = given { true } else { false }
        let mayIgnore: Bool
        switch given {
        case .dict, .list, .range: mayIgnore = true
        default: mayIgnore = false
        }
        guard used >= values.count || (mayIgnore && !isTuple) else {
            throw .type("not all arguments converted during string formatting")
        }
        return result
    }

    private mutating func next() throws(JinjaError) -> UInt32 {
        guard place < format.count else { throw .type("incomplete format") }
        defer { place += 1 }
        return format[place]
    }

    private mutating func value() throws(JinjaError) -> Value {
        guard used < values.count else { throw .type("not enough arguments for format string") }
        defer { used += 1 }
        return values[used]
    }

    private mutating func conversion() throws(JinjaError) -> Text {
        var letter = try next()
        var keyed: Value?
        if letter == 0x28 {
            let start = place
            var open = 1
            while open > 0 {
                switch try next() {
                case 0x28: open += 1
                case 0x29: open -= 1
                default: break
                }
            }
            guard let mapping else { throw .type("format requires a mapping") }
            guard let found = mapping[.string(format[start..<place - 1])] else { throw .type("no such key") }
            keyed = found
            letter = try next()
        }
        var flags = ""
        while let flag = Optional(Scalars.scalar(letter)), "-+ #0".unicodeScalars.contains(flag) {
            flags.unicodeScalars.append(flag)
            letter = try next()
        }
        let width = try number(&letter)
        var precision: Int?
        if letter == 0x2E {
            letter = try next()
            precision = try number(&letter) ?? 0
        }
        if letter == 0x25 { return "%" }
        var field = Field(flags: flags, width: width ?? 0, precision: precision)
        if field.width < 0 {
            field.flags += "-"
            field.width = -field.width
        }
        let chosen = if let keyed { keyed } else { try value() }
        return try field.text(Scalars.scalar(letter), chosen, renderer)
    }

    private mutating func number(_ letter: inout UInt32) throws(JinjaError) -> Int? {
        if letter == 0x2A {
            letter = try next()
            guard case .int(let number) = try value() else { throw .type("* wants int") }
            guard number.magnitude < 100_000 else { throw JinjaError(.limit, "a width of \(number)") }
            return number
        }
        var result: Int?
        while Scalars.isDigit(letter) {
            result = (result ?? 0) * 10 + Int(letter - 0x30)
            guard result! < 100_000 else { throw JinjaError(.limit, "a width of more than 100000") }
            letter = try next()
        }
        return result
    }
}

/// One value, laid out as a conversion says.
struct Field {
    var flags: String
    var width: Int
    var precision: Int?

    func text(_ letter: Unicode.Scalar, _ value: Value, _ renderer: Renderer) throws(JinjaError) -> Text {
        switch letter {
        case "s", "r", "a":
            var text = letter == "s" ? try Printing.text(value) : try Printing.quoted(value)
            if letter == "a", !text.units.allSatisfy({ $0 & ~Text.mark < 128 }) {
                throw .unsupported("%a beyond ASCII")
            }
            if let precision { text = text[0..<min(precision, text.count)] }
            return padded(text, sign: "", zeros: false)
        case "d", "i", "u", "x", "X", "o": return try integer(letter, value)
        case "f", "F", "e", "E", "g", "G": return try float(letter, value)
        case "c":
            if case .string(let text) = value, text.count == 1 { return padded(text, sign: "", zeros: false) }
            guard case .int(let number) = value, let scalar = UInt32(exactly: number).flatMap(Unicode.Scalar.init)
            else {
                throw .type("%c requires int or char")
            }
            return padded(Text(String(scalar)), sign: "", zeros: false)
        default: throw .type("unsupported format character '\(letter)'")
        }
    }

    private func sign(_ isNegative: Bool) -> String {
        isNegative ? "-" : flags.contains("+") ? "+" : flags.contains(" ") ? " " : ""
    }

    func padded(_ text: Text, sign: String, zeros: Bool) -> Text {
        let missing = max(0, width - text.count - sign.utf8.count)
        if flags.contains("-") { return Text(sign) + text + Text.fill(missing) }
        if zeros, flags.contains("0") { return Text(sign) + Text.fill(missing, "0") + text }
        return Text.fill(missing) + Text(sign) + text
    }

    private func integer(_ letter: Unicode.Scalar, _ value: Value) throws(JinjaError) -> Text {
        let number: Int
        switch value {
        case .int(let whole): number = whole
        case .bool(let flag): number = flag ? 1 : 0
        case .float(let broken) where letter == "d" || letter == "i" || letter == "u":
            guard let whole = Int(exactly: broken.rounded(.towardZero)) else {
                throw .unsupported("%\(letter) of a float")
            }
            number = whole
        default: throw .type("%\(letter) format: a real number is required, not \(value.typeName)")
        }
        let radix = letter == "o" ? 8 : letter == "x" || letter == "X" ? 16 : 10
        var digits = String(number.magnitude, radix: radix, uppercase: letter == "X")
        if let precision { digits = String(repeating: "0", count: max(0, precision - digits.count)) + digits }
        let prefix = flags.contains("#") && radix != 10 ? "0\(letter)" : ""
        return padded(Text(digits), sign: sign(number < 0) + prefix, zeros: true)
    }

    private func float(_ letter: Unicode.Scalar, _ value: Value) throws(JinjaError) -> Text {
        guard let number = Number(value)?.double else {
            throw .type("must be real number, not \(value.typeName)")
        }
        guard (precision ?? 6) < 100, number.magnitude < 1e100 || !number.isFinite else {
            throw .unsupported("%\(letter) of so long a number")
        }
        guard number.isFinite else {
            let word = number.isNaN ? "nan" : "inf"
            let isUpper = letter.properties.isUppercase
            return padded(Text(isUpper ? word.uppercased() : word), sign: sign(number < 0), zeros: true)
        }
        let mark = flags.contains("#") ? "#" : ""
        let digits = CLibrary.formatted(number.magnitude, "%\(mark).\(precision ?? 6)\(letter)")
        return padded(Text(digits), sign: sign(number.sign == .minus), zeros: true)
    }
}
