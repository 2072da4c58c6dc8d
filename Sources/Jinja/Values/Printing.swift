/// Python's `str()` and `repr()`.
enum Printing {
    static func text(_ value: Value) throws(JinjaError) -> Text {
        switch value {
        case .undefined: return Text(units: [])
        case .string(let text), .markup(let text): return text
        default: return try quoted(value)
        }
    }

    static func quoted(_ value: Value) throws(JinjaError) -> Text {
        switch value {
        case .undefined: return "Undefined"
        case .none: return "None"
        case .bool(let flag): return flag ? "True" : "False"
        case .int(let number): return Text(String(number))
        case .float(let number): return Text(float(number))
        case .string(let text): return quoted(text)
        case .list(let items): return try "[" + joined(items) + "]"
        case .tuple(let items): return try "(" + joined(items) + (items.count == 1 ? ",)" : ")")
        case .dict(let dict):
            var parts: [Text] = []
            for (key, value) in zip(dict.keys, dict.values) {
                parts.append(try quoted(key.value) + ": " + quoted(value))
            }
            return "{" + Text(", ").joined(parts) + "}"
        case .range(let range):
            let step = range.step == 1 ? "" : ", \(range.step)"
            return Text("range(\(range.start), \(range.end)\(step))")
        case .view(let kind, let dict):
            return try Text("dict_\(kind.rawValue)([") + joined(try Value.view(kind, dict).items()) + "])"
        case .markup(let text): return "Markup(" + quoted(text) + ")"
        case .iterator, .namespace, .loop, .macro, .method, .function:
            throw .unsupported("printing a \(value.typeName)")
        }
    }

    private static func joined(_ items: [Value]) throws(JinjaError) -> Text {
        var parts: [Text] = []
        for item in items { parts.append(try quoted(item)) }
        return Text(", ").joined(parts)
    }

    /// As `repr` of a string: single quotes, unless only they occur in it.
    static func quoted(_ text: Text) -> Text {
        let hasSingle = text.units.contains { $0 & ~Text.mark == 0x27 }
        let hasDouble = text.units.contains { $0 & ~Text.mark == 0x22 }
        let quote: UInt32 = hasSingle && !hasDouble ? 0x22 : 0x27
        var result = [quote]
        for unit in text.units {
            let mark = unit & Text.mark
            let value = unit & ~Text.mark
            switch value {
            case quote, 0x5C: result += [0x5C | mark, unit]
            case 0x0A: result += [0x5C | mark, 0x6E | mark]
            case 0x0D: result += [0x5C | mark, 0x72 | mark]
            case 0x09: result += [0x5C | mark, 0x74 | mark]
            case _ where !Scalars.isPrintable(unit):
                let (letter, width) = value < 0x100 ? ("x", 2) : value < 0x10000 ? ("u", 4) : ("U", 8)
                result += ("\\" + letter + hex(value, width: width)).unicodeScalars.map { $0.value | mark }
            default: result.append(unit)
            }
        }
        return Text(units: result + [quote])
    }

    static func hex(_ value: UInt32, width: Int) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    /// As `repr` of a float: the shortest digits that read back the same, in Python's layout.
    static func float(_ number: Double) -> String {
        if number.isNaN { return "nan" }
        if number.isInfinite { return number < 0 ? "-inf" : "inf" }
        let sign = number.sign == .minus ? "-" : ""
        if number == 0 { return sign + "0.0" }
        let (digits, point) = decimal(number.magnitude)
        if point > 16 || point < -3 {
            let exponent = point - 1
            let tail = digits.count > 1 ? "." + digits.dropFirst() : ""
            let size = String(abs(exponent))
            return sign + digits.prefix(1) + tail + "e" + (exponent < 0 ? "-" : "+") + (size.count < 2 ? "0" : "")
                + size
        }
        if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + digits }
        if digits.count <= point {
            return sign + digits + String(repeating: "0", count: point - digits.count) + ".0"
        }
        return sign + digits.prefix(point) + "." + digits.dropFirst(point)
    }

    /// Shortest digits, and where the point stands in them: 0.digits × 10^point.
    private static func decimal(_ number: Double) -> (digits: String, point: Int) {
        let written = number.description
        let parts = written.split(separator: "e")
        let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        var point = mantissa[0].count + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
        var digits = Substring(mantissa[0] + (mantissa.count > 1 ? mantissa[1] : ""))
        while digits.count > 1, digits.first == "0" {
            digits = digits.dropFirst()
            point -= 1
        }
        while digits.count > 1, digits.last == "0" { digits = digits.dropLast() }
        return (String(digits), point)
    }
}
