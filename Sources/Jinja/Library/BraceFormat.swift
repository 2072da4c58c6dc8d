/// Python's `'{} {name}'.format(…)`, without attributes, items and nested fields.
enum BraceFormat {
    static func format(_ format: Text, _ call: Call, _ renderer: Renderer) throws(JinjaError) -> Text {
        var result = Text(units: [])
        var index = 0
        var automatic = 0
        var isNumbered: Bool?
        while index < format.count {
            let unit = format[index]
            let isDouble = index + 1 < format.count && format[index + 1] == unit
            if unit == 0x7B || unit == 0x7D, isDouble {
                result.units.append(format.units[index])
                index += 2
            } else if unit == 0x7B {
                guard let end = format.find("}", from: index) else { throw .type("expected '}' before end of string") }
                var field = format[index + 1..<end]
                if field.isEmpty || field[0] == 0x3A || field[0] == 0x21 {
                    guard isNumbered != true else { throw .type("cannot mix manual and automatic field numbering") }
                    isNumbered = false
                    field = Text(String(automatic)) + field
                    automatic += 1
                } else if Scalars.isDigit(field[0]) {
                    guard isNumbered != false else { throw .type("cannot mix manual and automatic field numbering") }
                    isNumbered = true
                }
                result += try written(field, call, renderer)
                try renderer.checkLength(result.count)
                index = end + 1
            } else if unit == 0x7D {
                throw .type("single '}' encountered in format string")
            } else {
                result.units.append(format.units[index])
                index += 1
            }
        }
        return result
    }

    private static func written(_ field: Text, _ call: Call, _ renderer: Renderer) throws(JinjaError) -> Text {
        let colon = field.find(":") ?? field.count
        let name = field[0..<colon]
        guard name.all({ Lexer.isNamePart($0 & ~Text.mark) }) else {
            throw .unsupported("the format field {\(field.string)}")
        }
        let value: Value
        if Scalars.isDigit(name.units[0]) {
            guard let number = Int(name.string), call.positional.indices.contains(number) else {
                throw .type("replacement index \(name.string) out of range")
            }
            value = call.positional[number]
        } else {
            guard let found = call[name.string] else { throw .type("no argument named \(name.string)") }
            value = found
        }
        let spec = colon < field.count ? field[colon + 1..<field.count].string : ""
        if spec.isEmpty { return try Printing.text(value) }
        return try laidOut(value, spec, renderer)
    }

    /// `[<>][0][width][.precision][sdf]`, where Python's and C's layout agree.
    private static func laidOut(_ value: Value, _ spec: String, _ renderer: Renderer) throws(JinjaError) -> Text {
        func refused() -> JinjaError { .unsupported("the format \(spec) of a \(value.typeName)") }
        var rest = Array(spec.unicodeScalars)[...]
        var align: Unicode.Scalar?
        if let first = rest.first, first == "<" || first == ">" { align = rest.removeFirst() }
        var field = Field(flags: "", width: 0, precision: nil)
        if rest.first == "0", align == nil {
            field.flags = "0"
            rest.removeFirst()
        }
        func number() throws(JinjaError) -> Int? {
            let digits = rest.prefix { $0.isASCII && $0.properties.numericType == .decimal }
            rest = rest.dropFirst(digits.count)
            guard !digits.isEmpty else { return nil }
            guard digits.count < 6, let number = Int(String(String.UnicodeScalarView(digits))) else { throw refused() }
            return number
        }
        field.width = try number() ?? 0
        if rest.first == "." {
            rest.removeFirst()
            field.precision = try number()
        }
        guard rest.count <= 1 else { throw refused() }
        switch (value, rest.first) {
        case (.string, nil), (.string, "s"):
            guard field.flags.isEmpty else { throw refused() }
            field.flags = align == ">" ? "" : "-"
            return try field.text("s", value, renderer)
        case (.int, nil), (.int, "d"):
            guard field.precision == nil else { throw refused() }
            field.flags += align == "<" ? "-" : ""
            return try field.text("d", value, renderer)
        case (.int, "f"), (.float, "f"):
            field.flags += align == "<" ? "-" : ""
            return try field.text("f", value, renderer)
        default: throw refused()
        }
    }
}
