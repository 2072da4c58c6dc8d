/// Python's methods of `str`.
enum StringMethods {
    static func call(_ text: Text, _ name: String, _ call: Call, _ renderer: Renderer) throws(JinjaError) -> Value? {
        try renderer.count(1 + text.count / 8)
        if let result = try plain(text, name, call) { return result }
        switch name {
        case "strip", "lstrip", "rstrip":
            let set = try call.bound(["chars"], name: name, positionalOnly: true)[0]
            let chars: Text? = if let set, !set.isNone { try string(set, name) } else { nil }
            return .string(text.stripped(chars, left: name != "rstrip", right: name != "lstrip"))
        case "split", "rsplit", "splitlines", "partition", "rpartition": return try cut(text, name, call, renderer)
        case "startswith", "endswith": return try edge(text, name, call)
        case "find", "rfind", "index", "rindex", "count": return try search(text, name, call)
        case "replace": return try replace(text, call, renderer)
        case "join": return .string(try join(text, call, renderer))
        case "removeprefix", "removesuffix":
            let part = try string(call.bound(["part"], required: 1, name: name, positionalOnly: true)[0] ?? .none, name)
            if name == "removeprefix" { return .string(text.hasPrefix(part) ? text[part.count..<text.count] : text) }
            return .string(text.hasSuffix(part) ? text[0..<text.count - part.count] : text)
        case "zfill", "center", "ljust", "rjust": return try padded(text, name, call, renderer)
        case "format": return .string(try renderer.made(BraceFormat.format(text, call, renderer)))
        default: return nil
        }
    }

    static func string(_ value: Value, _ name: String) throws(JinjaError) -> Text {
        switch value {
        case .string(let text): return text
        case .markup: throw .unsupported("\(name) with a text marked as safe")
        case .undefined(let hint): throw .type("\(name) needs a text: \(hint)")
        default: throw .type("\(name) needs a text, not \(value.typeName)")
        }
    }

    /// Without arguments.
    private static func plain(_ text: Text, _ name: String, _ call: Call) throws(JinjaError) -> Value? {
        let result: Value
        switch name {
        case "upper": result = .string(text.uppercased)
        case "lower": result = .string(text.lowercased)
        case "title": result = .string(text.titlecased)
        case "capitalize": result = .string(text.capitalized)
        case "swapcase": result = .string(text.swappedCase)
        case "isupper": result = .bool(text.isUpper)
        case "islower": result = .bool(text.isLower)
        case "isspace": result = .bool(text.all(Scalars.isSpace))
        case "isalpha": result = .bool(text.all(Scalars.isAlphabetic))
        case "isdecimal": result = .bool(text.all { Scalars.scalar($0).properties.generalCategory == .decimalNumber })
        case "isdigit":
            result = .bool(text.all { [.decimal, .digit].contains(Scalars.scalar($0).properties.numericType) })
        case "isnumeric": result = .bool(text.all { Scalars.scalar($0).properties.numericType != nil })
        case "isalnum":
            result = .bool(
                text.all { Scalars.isAlphabetic($0) || Scalars.scalar($0).properties.numericType != nil })
        case "isascii": result = .bool(text.units.allSatisfy { $0 & ~Text.mark < 128 })
        case "isprintable": result = .bool(text.units.allSatisfy(Scalars.isPrintable))
        default: return nil
        }
        _ = try call.bound([], name: name)
        return result
    }

    private static func cut(_ text: Text, _ name: String, _ call: Call, _ renderer: Renderer) throws(JinjaError)
        -> Value?
    {
        func list(_ parts: [Text]) throws(JinjaError) -> Value {
            try renderer.count(parts.count)
            return .list(parts.map { .string($0) })
        }
        switch name {
        case "splitlines":
            let keeps = try call.bound(["keepends"], name: name)[0]?.isTrue ?? false
            return try list(text.lines(keepingEnds: keeps))
        case "partition", "rpartition":
            let part = try separator(
                call.bound(["sep"], required: 1, name: name, positionalOnly: true)[0] ?? .none, name)
            guard let place = name == "partition" ? text.find(part) : text.findLast(part) else {
                let empty = Value.string(Text(units: []))
                return .tuple(name == "partition" ? [.string(text), empty, empty] : [empty, empty, .string(text)])
            }
            return .tuple([
                .string(text[0..<place]), .string(part), .string(text[place + part.count..<text.count]),
            ])
        default:
            let bound = try call.bound(["sep", "maxsplit"], name: name)
            let limit = try bound[1].map { value throws(JinjaError) in try Globals.integer(value, name) } ?? -1
            if let value = bound[0], !value.isNone {
                let part = try separator(value, name)
                return try list(
                    name == "split" ? text.split(part, limit: limit) : text.splitFromRight(part, limit: limit))
            }
            return try list(
                name == "split" ? text.splitAtSpace(limit: limit) : text.splitAtSpaceFromRight(limit: limit))
        }
    }

    private static func separator(_ value: Value, _ name: String) throws(JinjaError) -> Text {
        let part = try string(value, name)
        guard !part.isEmpty else { throw .type("empty separator") }
        return part
    }

    private static func edge(_ text: Text, _ name: String, _ call: Call) throws(JinjaError) -> Value {
        let bound = try call.bound(["affix", "start", "end"], required: 1, name: name, positionalOnly: true)
        var choices: [Text] = []
        if case .tuple(let items) = bound[0] ?? .none {
            for item in items { choices.append(try string(item, name)) }
        } else {
            choices = [try string(bound[0] ?? .none, name)]
        }
        let isInside = bound[1] == nil || bound[1]!.isNone
        if !isInside, try Globals.integer(bound[1]!, name) > text.count { return .bool(false) }
        let (start, end) = try Methods.places(bound[1], bound[2], text.count, name)
        guard start <= end else { return .bool(false) }
        let part = text[start..<end]
        return .bool(choices.contains { name == "startswith" ? part.hasPrefix($0) : part.hasSuffix($0) })
    }

    private static func search(_ text: Text, _ name: String, _ call: Call) throws(JinjaError) -> Value {
        let bound = try call.bound(["sub", "start", "end"], required: 1, name: name, positionalOnly: true)
        let part = try string(bound[0] ?? .none, name)
        var isOutside = false
        if let start = bound[1], !start.isNone { isOutside = try Globals.integer(start, name) > text.count }
        let (start, end) = try Methods.places(bound[1], bound[2], text.count, name)
        if name == "count" { return .int(isOutside ? 0 : text.occurrences(of: part, from: start, to: end)) }
        let found =
            isOutside
            ? nil
            : name.hasPrefix("r") ? text.findLast(part, from: start, to: end) : text.find(part, from: start, to: end)
        if found == nil, name.hasSuffix("index") { throw .type("substring not found") }
        return .int(found ?? -1)
    }

    private static func replace(_ text: Text, _ call: Call, _ renderer: Renderer) throws(JinjaError) -> Value {
        let bound = try call.bound(["old", "new", "count"], required: 2, name: "replace", positionalOnly: true)
        let old = try string(bound[0] ?? .none, "replace")
        let new = try string(bound[1] ?? .none, "replace")
        let limit = try bound[2].map { value throws(JinjaError) in try Globals.integer(value, "replace") } ?? -1
        return .string(try replaced(text, old, new, limit, renderer))
    }

    /// Checks the length before the text is made.
    static func replaced(_ text: Text, _ old: Text, _ new: Text, _ limit: Int, _ renderer: Renderer)
        throws(JinjaError) -> Text
    {
        try renderer.checkLength(text.count + (text.count / max(1, old.count) + 1) * max(0, new.count - old.count))
        return try renderer.made(text.replacing(old, with: new, limit: limit))
    }

    private static func join(_ text: Text, _ call: Call, _ renderer: Renderer) throws(JinjaError) -> Text {
        let list = try call.bound(["iterable"], required: 1, name: "join", positionalOnly: true)[0] ?? .none
        var parts: [Text] = []
        for item in try list.items() { parts.append(try string(item, "join")) }
        return try joined(parts, with: text, renderer)
    }

    static func joined(_ parts: [Text], with separator: Text, _ renderer: Renderer) throws(JinjaError) -> Text {
        try renderer.count(parts.count)
        try renderer.checkLength(parts.reduce(0) { $0 + $1.count } + separator.count * max(0, parts.count - 1))
        return try renderer.made(separator.joined(parts))
    }

    private static func padded(_ text: Text, _ name: String, _ call: Call, _ renderer: Renderer) throws(JinjaError)
        -> Value
    {
        let bound = try call.bound(["width", "fillchar"], required: 1, name: name, positionalOnly: true)
        let width = max(0, try Globals.integer(bound[0] ?? .none, name))
        try renderer.checkLength(width)
        let fill: Text = if let value = bound[1] { try string(value, name) } else { " " }
        guard fill.count == 1 else { throw .type("the fill character must be exactly one character long") }
        let missing = max(0, width - text.count)
        switch name {
        case "ljust": return .string(text + fill.repeated(missing))
        case "rjust": return .string(fill.repeated(missing) + text)
        case "center": return .string(centered(text, width, fill))
        default:
            guard bound[1] == nil else { throw .type("zfill takes one argument") }
            let hasSign = text.count > 0 && (text[0] == 0x2B || text[0] == 0x2D)
            let sign = hasSign ? text[0..<1] : Text(units: [])
            return .string(sign + Text.fill(missing, "0") + text[sign.count..<text.count])
        }
    }

    /// As CPython: of an odd rest the left side gets more where the width is odd.
    static func centered(_ text: Text, _ width: Int, _ fill: Text) -> Text {
        let missing = max(0, width - text.count)
        let left = missing / 2 + (missing & width & 1)
        return fill.repeated(left) + text + fill.repeated(missing - left)
    }
}
