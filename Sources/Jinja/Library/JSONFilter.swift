/// `tojson` as transformers has it: `json.dumps` with `ensure_ascii=False`.
struct JSONFilter {
    private let asciiOnly: Bool
    private let indent: Text?
    private let itemSeparator: Text, keySeparator: Text
    private let sortsKeys: Bool

    static func apply(_ value: Value, _ call: Call, _ renderer: Renderer) throws(JinjaError) -> Text {
        let bound = try call.bound(["ensure_ascii", "indent", "separators", "sort_keys"], name: "tojson")
        let filter = try JSONFilter(bound)
        return try renderer.made(filter.written(value, "\n", renderer))
    }

    private init(_ bound: [Value?]) throws(JinjaError) {
        asciiOnly = bound[0]?.isTrue ?? false
        sortsKeys = bound[3]?.isTrue ?? false
        switch bound[1] {
        case nil, .some(.none): indent = nil
        case .string(let text)?: indent = text
        case let value?:
            let width = try Globals.integer(value, "tojson")
            guard width <= 1000 else { throw JinjaError(.limit, "tojson with an indent of \(width)") }
            indent = Text.fill(width)
        }
        if let pair = bound[2], !pair.isNone {
            let parts = try pair.items()
            guard parts.count == 2 else { throw .type("separators are two texts") }
            itemSeparator = try StringMethods.string(parts[0], "tojson")
            keySeparator = try StringMethods.string(parts[1], "tojson")
        } else {
            itemSeparator = indent == nil ? ", " : ","
            keySeparator = ": "
        }
    }

    private func written(_ value: Value, _ newline: Text, _ renderer: Renderer) throws(JinjaError) -> Text {
        try renderer.count()
        switch value {
        case .none: return "null"
        case .bool(let flag): return flag ? "true" : "false"
        case .int(let number): return Text(String(number))
        case .float(let number): return Text(Self.float(number))
        case .string(let text), .markup(let text): return quoted(text)
        case .list(let items), .tuple(let items):
            var parts: [Text] = []
            let inner = newline + (indent ?? "")
            for item in items { parts.append(try written(item, inner, renderer)) }
            return try enclosed(parts, "[", "]", newline, renderer)
        case .dict(let dict): return try object(dict, newline, renderer)
        case .undefined: throw .type("Object of type Undefined is not JSON serializable")
        default: throw .type("Object of type \(value.typeName) is not JSON serializable")
        }
    }

    private func object(_ dict: Dict, _ newline: Text, _ renderer: Renderer) throws(JinjaError) -> Text {
        var members = dict.items
        if sortsKeys {
            members = try SortKey(attribute: .int(0), isCaseSensitive: true).sorted(members, isReversed: false)
        }
        var parts: [Text] = []
        for member in members {
            guard case .tuple(let pair) = member else { continue }
            let key: Text
            switch pair[0] {
            case .string(let text): key = text
            case .none, .bool, .int, .float: key = try written(pair[0], newline, renderer)
            default: throw .type("keys must be str, int, float, bool or None")
            }
            parts.append(
                quoted(key) + keySeparator + (try written(pair[1], newline + (indent ?? ""), renderer)))
        }
        return try enclosed(parts, "{", "}", newline, renderer)
    }

    private func enclosed(_ parts: [Text], _ open: Text, _ close: Text, _ newline: Text, _ renderer: Renderer)
        throws(JinjaError) -> Text
    {
        guard !parts.isEmpty else { return open + close }
        guard let indent else { return try renderer.made(open + itemSeparator.joined(parts) + close) }
        let inner = newline + indent
        return try renderer.made(open + inner + (itemSeparator + inner).joined(parts) + newline + close)
    }

    private static func float(_ number: Double) -> String {
        if number.isNaN { return "NaN" }
        if number.isInfinite { return number < 0 ? "-Infinity" : "Infinity" }
        return Printing.float(number)
    }

    private static let short: [UInt32: String] = [
        0x22: "\\\"", 0x5C: "\\\\", 0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t", 0x0C: "\\f", 0x08: "\\b",
    ]

    private func quoted(_ text: Text) -> Text {
        var result: [UInt32] = [0x22]
        for unit in text.units {
            let mark = unit & Text.mark
            let value = unit & ~Text.mark
            let escape: String
            if let known = Self.short[value] {
                escape = known
            } else if value < 0x20 || (asciiOnly && value > 0x7E && value < 0x10000) {
                guard value != 0x7F else {
                    result.append(unit)
                    continue
                }
                escape = "\\u" + Printing.hex(value, width: 4)
            } else if asciiOnly, value >= 0x10000 {
                let rest = value - 0x10000
                escape =
                    "\\u" + Printing.hex(0xD800 + rest >> 10, width: 4) + "\\u"
                    + Printing.hex(0xDC00 + rest & 0x3FF, width: 4)
            } else {
                result.append(unit)
                continue
            }
            result += escape.unicodeScalars.map { $0.value | mark }
        }
        return Text(units: result + [0x22])
    }
}
