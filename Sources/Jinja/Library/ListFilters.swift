/// Filters of lists and dictionaries.
enum ListFilters {
    static func apply(_ name: String, _ value: Value, _ call: Call, _ renderer: Renderer) throws(JinjaError) -> Value {
        try renderer.count(1 + (value.length ?? 0))
        switch name {
        case "first":
            _ = try call.bound([], name: name)
            if case .iterator(let items) = value {
                return items.rest.popFirst() ?? .undefined("No first item, sequence was empty.")
            }
            return try value.items().first ?? .undefined("No first item, sequence was empty.")
        case "last":
            _ = try call.bound([], name: name)
            return try reversed(value).first ?? .undefined("No last item, sequence was empty.")
        case "list":
            _ = try call.bound([], name: name)
            return .list(try value.items())
        case "items":
            _ = try call.bound([], name: name)
            if value.isUndefined { return .iterator(Items([])) }
            guard case .dict(let dict) = value else { throw .type("can only get item pairs from a mapping") }
            return .iterator(Items(dict.items))
        case "reverse":
            _ = try call.bound([], name: name)
            if case .string(let text) = value { return .string(Text(units: text.units.reversed())) }
            if case .iterator(let items) = value { return .list(items.take().reversed()) }
            return .iterator(Items(try reversed(value)))
        case "batch", "slice": return try cut(name, value, call)
        case "dictsort": return try dictsort(value, call)
        case "sort":
            let bound = try call.bound(["reverse", "case_sensitive", "attribute"], name: name)
            let order = try SortKey(
                attribute: bound[2], isCaseSensitive: bound[1]?.isTrue ?? false, isMultiple: true)
            return .list(try order.sorted(value.items(), isReversed: bound[0]?.isTrue ?? false))
        default: return try unique(value, call)
        }
    }

    /// As Python's `reversed()`, which needs a length.
    private static func reversed(_ value: Value) throws(JinjaError) -> [Value] {
        switch value {
        case .iterator: throw .type("'generator' object is not reversible")
        default: return try value.items().reversed()
        }
    }

    private static func cut(_ name: String, _ value: Value, _ call: Call) throws(JinjaError) -> Value {
        let bound = try call.bound(
            [name == "batch" ? "linecount" : "slices", "fill_with"], required: 1, name: name)
        let number = try Globals.integer(bound[0] ?? .none, name)
        guard (1...100_000).contains(number) else { throw .unsupported("\(name) by \(number)") }
        let items = try value.items()
        let fill: Value? = if let value = bound[1], !value.isNone { value } else { nil }
        var result: [Value] = []
        if name == "batch" {
            for start in stride(from: 0, to: items.count, by: number) {
                var row = Array(items[start..<min(start + number, items.count)])
                if let fill { row += Array(repeating: fill, count: number - row.count) }
                result.append(.list(row))
            }
            return .iterator(Items(result))
        }
        let (each, extra) = (items.count / number, items.count % number)
        var start = 0
        for index in 0..<number {
            let end = start + each + (index < extra ? 1 : 0)
            var row = Array(items[start..<end])
            if let fill, index >= extra { row.append(fill) }
            result.append(.list(row))
            start = end
        }
        return .iterator(Items(result))
    }

    private static func dictsort(_ value: Value, _ call: Call) throws(JinjaError) -> Value {
        let bound = try call.bound(["case_sensitive", "by", "reverse"], name: "dictsort")
        let by = try Printing.text(bound[1] ?? .text("key")).string
        guard ["key", "value"].contains(by) else { throw .type("you can only sort by either \"key\" or \"value\"") }
        if case .undefined(let hint) = value { throw .type(hint) }
        guard case .dict(let dict) = value else { throw .type("'\(value.typeName)' object has no attribute 'items'") }
        let order = try SortKey(
            attribute: .int(by == "key" ? 0 : 1), isCaseSensitive: bound[0]?.isTrue ?? false)
        return .list(try order.sorted(dict.items, isReversed: bound[2]?.isTrue ?? false))
    }

    private static func unique(_ value: Value, _ call: Call) throws(JinjaError) -> Value {
        let bound = try call.bound(["case_sensitive", "attribute"], name: "unique")
        let order = try SortKey(attribute: bound[1], isCaseSensitive: bound[0]?.isTrue ?? false)
        var seen: Set<Key> = []
        var result: [Value] = []
        for item in try value.items() where seen.insert(try Key(order.key(item))).inserted { result.append(item) }
        return .iterator(Items(result))
    }
}

/// What values are sorted by: an attribute, and strings without their case.
struct SortKey {
    private let paths: [AttributePath]
    private let isCaseSensitive: Bool
    private let isMultiple: Bool

    init(attribute: Value?, isCaseSensitive: Bool, isMultiple: Bool = false) throws(JinjaError) {
        self.isCaseSensitive = isCaseSensitive
        self.isMultiple =
            isMultiple && { if case .string(let text)? = attribute { text.find(",") != nil } else { false } }()
        if self.isMultiple, case .string(let text)? = attribute {
            var paths: [AttributePath] = []
            for part in text.split(",") { paths.append(try AttributePath(.string(part))) }
            self.paths = paths
        } else {
            paths = [try AttributePath(attribute)]
        }
    }

    func key(_ item: Value) throws(JinjaError) -> Value {
        var keys: [Value] = []
        for path in paths {
            let value = try path.value(of: item)
            if !isCaseSensitive, case .string(let text) = value {
                keys.append(.string(text.lowercased))
            } else {
                keys.append(value)
            }
        }
        return isMultiple ? .list(keys) : keys[0]
    }

    /// Stable, as Python's.
    func sorted(_ items: [Value], isReversed: Bool) throws(JinjaError) -> [Value] {
        var keyed: [(key: Value, item: Value)] = []
        for item in isReversed ? items.reversed() : items { keyed.append((try key(item), item)) }
        let result = try merged(keyed).map(\.item)
        return isReversed ? result.reversed() : result
    }

    private func merged(_ items: [(key: Value, item: Value)]) throws(JinjaError) -> [(key: Value, item: Value)] {
        guard items.count > 1 else { return items }
        let left = try merged(Array(items[..<(items.count / 2)]))
        let right = try merged(Array(items[(items.count / 2)...]))
        var result: [(key: Value, item: Value)] = []
        var (i, j) = (0, 0)
        while i < left.count, j < right.count {
            if try Comparing.less(right[j].key, left[i].key) {
                result.append(right[j])
                j += 1
            } else {
                result.append(left[i])
                i += 1
            }
        }
        return result + left[i...] + right[j...]
    }
}
