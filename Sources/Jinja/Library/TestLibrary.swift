/// Jinja's tests: what follows `is`.
enum TestLibrary {
    private static let names: Set<String> = [
        "boolean", "callable", "defined", "divisibleby", "eq", "equalto", "escaped", "even", "false", "filter", "float",
        "ge", "greaterthan", "gt", "in", "integer", "iterable", "le", "lessthan", "lower", "lt", "mapping", "ne",
        "none", "number", "odd", "sameas", "sequence", "string", "test", "true", "undefined", "upper",
    ]
    /// Others that `select` and its relatives take by name.
    private static let signs: [String: Comparison] = [
        "==": .equal, "eq": .equal, "equalto": .equal, "!=": .notEqual, "ne": .notEqual, "<": .less, "lt": .less,
        "lessthan": .less, "<=": .lessEqual, "le": .lessEqual, ">": .greater, "gt": .greater, "greaterthan": .greater,
        ">=": .greaterEqual, "ge": .greaterEqual, "in": .isIn,
    ]

    static func isKnown(_ name: String) -> Bool { names.contains(name) || signs[name] != nil }

    static func holds(_ name: String, _ value: Value, _ call: Call) throws(JinjaError) -> Bool {
        if let sign = signs[name] {
            let other = try call.bound(["other"], required: 1, name: name)[0] ?? .none
            return try Comparing.holds(sign, value, other)
        }
        switch name {
        case "divisibleby", "sameas": return try related(name, value, call)
        case "even", "odd":
            _ = try call.bound([], name: name)
            return try Operators.combine(.mod, value, .int(2), Renderer.idle).equals(name == "even" ? 0 : 1)
        case "filter", "test":
            _ = try call.bound([], name: name)
            guard case .string(let text) = value else { return false }
            return name == "filter" ? FilterLibrary.isKnown(text.string) : isKnown(text.string)
        case "lower", "upper":
            _ = try call.bound([], name: name)
            let text = try Printing.text(value)
            return name == "lower" ? text.isLower : text.isUpper
        default:
            guard isKnown(name) else { throw JinjaError(.syntax, "there is no test \(name)") }
            _ = try call.bound([], name: name)
            return isKind(name, value)
        }
    }

    private static func isKind(_ name: String, _ value: Value) -> Bool {
        switch (name, value) {
        case ("defined", _): !value.isUndefined
        case ("undefined", _): value.isUndefined
        case ("none", _): value.isNone
        case ("boolean", .bool), ("integer", .int), ("float", .float), ("mapping", .dict), ("string", .string),
            ("string", .markup), ("escaped", .markup), ("true", .bool(true)), ("false", .bool(false)):
            true
        case ("number", .int), ("number", .float), ("number", .bool): true
        case ("sequence", .string), ("sequence", .markup), ("sequence", .list), ("sequence", .tuple),
            ("sequence", .dict), ("sequence", .range), ("sequence", .undefined):
            true
        case ("iterable", .none), ("iterable", .bool), ("iterable", .int), ("iterable", .float),
            ("iterable", .namespace), ("iterable", .macro), ("iterable", .method), ("iterable", .function):
            false
        case ("iterable", _): true
        case ("callable", .undefined), ("callable", .macro), ("callable", .method), ("callable", .function),
            ("callable", .loop):
            true
        default: false
        }
    }

    private static func related(_ name: String, _ value: Value, _ call: Call) throws(JinjaError) -> Bool {
        let other = try call.bound([name == "sameas" ? "other" : "num"], required: 1, name: name)[0] ?? .none
        if name == "divisibleby" { return try Operators.combine(.mod, value, other, Renderer.idle).equals(0) }
        switch (value, other) {
        case (.none, .none): return true
        case (.bool(let a), .bool(let b)): return a == b
        case (.none, _), (_, .none), (.bool, _), (_, .bool): return false
        default: throw .unsupported("is sameas of a \(value.typeName) and a \(other.typeName)")
        }
    }
}

extension Value {
    fileprivate func equals(_ number: Int) throws(JinjaError) -> Bool { try Comparing.equal(self, .int(number)) }
}

extension Renderer {
    /// For calculations with numbers, which need no count.
    fileprivate static var idle: Renderer { Renderer(day: CalendarDay(year: 1, month: 1, day: 1)!, limits: Limits()) }
}
