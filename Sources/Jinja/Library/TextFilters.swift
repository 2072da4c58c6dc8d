/// Filters that make a text of anything; what is no text is printed first.
enum TextFilters {
    static func apply(_ name: String, _ value: Value, _ call: Call, _ renderer: Renderer) throws(JinjaError) -> Value {
        switch name {
        case "safe", "string", "escape", "e", "forceescape":
            _ = try call.bound([], name: name)
            return try marked(name, value, renderer)
        case "upper", "lower", "title", "capitalize": return try cased(name, value, call, renderer)
        case "trim":
            let chars = try call.bound(["chars"], name: name)[0]
            let set: Text? = if let chars, !chars.isNone { try StringMethods.string(chars, name) } else { nil }
            return try like(value, renderer.made(Printing.text(value).stripped(set)))
        case "replace":
            let bound = try call.bound(["old", "new", "count"], required: 2, name: name)
            let limit = if let count = bound[2], !count.isNone { try Globals.integer(count, name) } else { -1 }
            let old = try text(bound[0] ?? .none, name)
            let new = try text(bound[1] ?? .none, name)
            return .string(try StringMethods.replaced(text(value, name), old, new, limit, renderer))
        case "join": return .string(try join(value, call, renderer))
        case "indent": return .string(try indent(value, call, renderer))
        case "center":
            let width = max(0, try Globals.integer(call.bound(["width"], name: name)[0] ?? .int(80), name))
            try renderer.checkLength(width)
            return .string(try renderer.made(StringMethods.centered(text(value, name), width, " ")))
        case "truncate": return try truncate(value, call)
        case "format": return .string(try format(value, call, renderer))
        default: throw JinjaError(.syntax, "there is no filter \(name)")
        }
    }

    private static func text(_ value: Value, _ name: String) throws(JinjaError) -> Text {
        if case .markup = value { throw .unsupported("\(name) of a text marked as safe") }
        return try Printing.text(value)
    }

    private static func cased(_ name: String, _ value: Value, _ call: Call, _ renderer: Renderer) throws(JinjaError)
        -> Value
    {
        _ = try call.bound([], name: name)
        let text = try renderer.made(Printing.text(value))
        switch name {
        case "upper": return like(value, text.uppercased)
        case "lower": return like(value, text.lowercased)
        case "title": return .string(text.jinjaTitle)
        default: return like(value, text.capitalized)
        }
    }

    /// What is made of a text marked as safe is marked, too.
    private static func like(_ value: Value, _ text: Text) -> Value {
        if case .markup = value { return .markup(text) }
        return .string(text)
    }

    private static func marked(_ name: String, _ value: Value, _ renderer: Renderer) throws(JinjaError) -> Value {
        let text = try Printing.text(value)
        if name == "string" {
            if case .markup = value { return value }
            return .string(text)
        }
        if name == "safe" { return .markup(text) }
        if case .markup = value, name != "forceescape" { return value }
        var result: [UInt32] = []
        for unit in text.units {
            let mark = unit & Text.mark
            guard let entity = entities[unit & ~Text.mark] else {
                result.append(unit)
                continue
            }
            result += entity.unicodeScalars.map { $0.value | mark }
        }
        return .markup(try renderer.made(Text(units: result)))
    }

    private static let entities: [UInt32: String] = [
        0x26: "&amp;", 0x3C: "&lt;", 0x3E: "&gt;", 0x27: "&#39;", 0x22: "&#34;",
    ]

    private static func join(_ value: Value, _ call: Call, _ renderer: Renderer) throws(JinjaError) -> Text {
        let bound = try call.bound(["d", "attribute"], name: "join")
        let path = try AttributePath(bound[1])
        var parts: [Text] = []
        for item in try value.items() { parts.append(try text(path.value(of: item), "join")) }
        return try StringMethods.joined(parts, with: text(bound[0] ?? .text(""), "join"), renderer)
    }

    private static func indent(_ value: Value, _ call: Call, _ renderer: Renderer) throws(JinjaError) -> Text {
        let bound = try call.bound(["width", "first", "blank"], name: "indent")
        let indention: Text
        if case .string(let text)? = bound[0] {
            indention = text
        } else {
            let width = try Globals.integer(bound[0] ?? .int(4), "indent")
            try renderer.checkLength(width)
            indention = Text.fill(width)
        }
        let text = try StringMethods.string(value, "indent")
        let blank = bound[2]?.isTrue ?? false
        let lines = (text + "\n").lines()
        try renderer.count(lines.count)
        try renderer.checkLength(text.count + lines.count * (indention.count + 1))
        var result = lines[0]
        for line in lines.dropFirst() {
            result += "\n"
            result += blank || !line.isEmpty ? indention + line : line
        }
        return try renderer.made((bound[1]?.isTrue ?? false) ? indention + result : result)
    }

    private static func truncate(_ value: Value, _ call: Call) throws(JinjaError) -> Value {
        let bound = try call.bound(["length", "killwords", "end", "leeway"], name: "truncate")
        let length = try Globals.integer(bound[0] ?? .int(255), "truncate")
        let end = try StringMethods.string(bound[2] ?? .text("..."), "truncate")
        let leeway = if let value = bound[3], !value.isNone { try Globals.integer(value, "truncate") } else { 5 }
        guard length >= end.count, leeway >= 0 else { throw .type("truncate: length or leeway is too small") }
        // Whatever is short enough stays what it is.
        if let size = value.length, size <= length || size - length <= leeway { return value }
        let text = try StringMethods.string(value, "truncate")
        let head = text[0..<length - end.count]
        if bound[1]?.isTrue ?? false { return .string(head + end) }
        return .string(head.splitFromRight(" ", limit: 1)[0] + end)
    }

    private static func format(_ value: Value, _ call: Call, _ renderer: Renderer) throws(JinjaError) -> Text {
        guard call.positional.isEmpty || call.named.isEmpty else {
            throw .type("can't handle positional and keyword arguments at the same time")
        }
        let arguments: Value =
            call.named.isEmpty ? .tuple(call.positional) : .dict(Dict(call.named.map { ($0.name, $0.value) }))
        return try renderer.made(Percent.format(text(value, "format"), arguments, renderer))
    }
}
