/// Jinja's filters, and transformers' `tojson`.
enum FilterLibrary {
    private static let refused: Set<String> = [
        "filesizeformat", "groupby", "pprint", "random", "striptags", "urlencode", "urlize", "wordcount", "wordwrap",
        "xmlattr",
    ]
    private static let names: Set<String> = Set(
        ("abs attr batch capitalize center count d default dictsort e escape first float forceescape format indent int "
            + "items join last length list lower map max min reject rejectattr replace reverse round safe select "
            + "selectattr slice sort string sum title tojson trim truncate unique upper").split(separator: " ")
            .map(String.init))

    static func isKnown(_ name: String) -> Bool { names.contains(name) || refused.contains(name) }

    static func apply(_ name: String, _ value: Value, _ call: Call, _ renderer: Renderer) throws(JinjaError) -> Value {
        if refused.contains(name) { throw .unsupported("the filter \(name)") }
        switch name {
        case "map", "select", "reject", "selectattr", "rejectattr":
            return try SelectionFilters.apply(name, value, call, renderer)
        case "abs", "int", "float", "round", "sum", "min", "max":
            return try NumberFilters.apply(name, value, call, renderer)
        case "batch", "dictsort", "first", "items", "last", "list", "reverse", "slice", "sort", "unique":
            return try ListFilters.apply(name, value, call, renderer)
        case "count", "length":
            _ = try call.bound([], name: name)
            guard let length = value.length else { throw .type("object of type '\(value.typeName)' has no len()") }
            return .int(length)
        case "d", "default":
            let bound = try call.bound(["default_value", "boolean"], name: name)
            let isMissing = value.isUndefined || (bound[1]?.isTrue ?? false) && !value.isTrue
            return isMissing ? bound[0] ?? .text("") : value
        case "attr":
            let key = try call.bound(["name"], required: 1, name: name)[0] ?? .none
            let word = try Printing.text(key).string
            return try Attributes.ownAttribute(value, word)
                ?? .undefined("'\(value.typeName) object' has no attribute '\(word)'")
        case "tojson": return .string(try JSONFilter.apply(value, call, renderer))
        default: return try TextFilters.apply(name, value, call, renderer)
        }
    }
}

/// `x.a.0` of the filters that look at an attribute.
struct AttributePath {
    private let parts: [Value]

    init(_ value: Value?) throws(JinjaError) {
        switch value {
        case nil, .some(.none): parts = []
        case .int?: parts = [value!]
        case .string(let text)?:
            parts = text.split(".").map { part in
                part.all(Scalars.isDigit) ? Int(part.string).map { .int($0) } ?? .string(part) : .string(part)
            }
        default: throw .unsupported("a \(value!.typeName) as an attribute")
        }
    }

    func value(of item: Value, standard: Value? = nil) throws(JinjaError) -> Value {
        var result = item
        for part in parts {
            result = try Attributes.item(result, part)
            if let standard, !standard.isNone, result.isUndefined { result = standard }
        }
        return result
    }
}

/// `map`, `select`, `reject`, `selectattr`, `rejectattr`
enum SelectionFilters {
    static func apply(_ name: String, _ value: Value, _ call: Call, _ renderer: Renderer) throws(JinjaError) -> Value {
        guard value.isTrue else { return .iterator(Items([])) }
        let items = try value.items()
        try renderer.count(items.count)
        var result: [Value] = []
        if name == "map" {
            let change = try mapping(call, renderer)
            for item in items { result.append(try change(item)) }
        } else {
            let test = try testing(name, call)
            let wanted = name.hasPrefix("select")
            for item in items where try test(item) == wanted { result.append(item) }
        }
        let iterator = Value.iterator(Items(result))
        try iterator.checkedDepth()
        return iterator
    }

    private typealias Change = (Value) throws(JinjaError) -> Value
    private typealias Test = (Value) throws(JinjaError) -> Bool

    private static func mapping(_ call: Call, _ renderer: Renderer) throws(JinjaError) -> Change {
        if call.positional.isEmpty, let attribute = call["attribute"] {
            guard call.named.allSatisfy({ ["attribute", "default"].contains($0.name) }) else {
                throw .type("map with an attribute takes a default and nothing else")
            }
            let path = try AttributePath(attribute)
            let standard = call["default"]
            return { item throws(JinjaError) in try path.value(of: item, standard: standard) }
        }
        guard case .string(let filter)? = call.positional.first else { throw .type("map requires a filter argument") }
        guard FilterLibrary.isKnown(filter.string) else { throw .type("no filter named '\(filter.string)'") }
        var rest = call
        rest.positional.removeFirst()
        return { [rest] item throws(JinjaError) in try renderer.filter(filter.string, item, rest) }
    }

    private static func testing(_ name: String, _ call: Call) throws(JinjaError) -> Test {
        var rest = call
        var path: AttributePath?
        if name.hasSuffix("attr") {
            guard let attribute = rest.positional.first else { throw .type("missing parameter for attribute name") }
            path = try AttributePath(attribute)
            rest.positional.removeFirst()
        }
        var test: String?
        if let word = rest.positional.first {
            guard case .string(let text) = word, TestLibrary.isKnown(text.string) else {
                throw .type("there is no such test")
            }
            test = text.string
            rest.positional.removeFirst()
        }
        return { [path, test, rest] item throws(JinjaError) in
            let looked = try path?.value(of: item) ?? item
            guard let test else { return looked.isTrue }
            return try TestLibrary.holds(test, looked, rest)
        }
    }
}
