/// Python's `==`, `<` and `in`.
enum Comparing {
    static func equal(_ left: Value, _ right: Value) throws(JinjaError) -> Bool {
        switch (left, right) {
        case (.undefined, .undefined), (.none, .none): return true
        case (.string(let a), .string(let b)), (.markup(let a), .markup(let b)), (.markup(let a), .string(let b)),
            (.string(let a), .markup(let b)):
            return a == b
        case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)): return try equal(a, b)
        case (.dict(let a), .dict(let b)):
            guard a.count == b.count else { return false }
            for (key, value) in zip(a.keys, a.values) {
                guard let other = b[key], try equal(value, other) else { return false }
            }
            return true
        case (.range(let a), .range(let b)): return try equal(a.items, b.items)
        case (.view, .view): throw .unsupported("comparing dictionaries' views")
        case (.namespace(let a), .namespace(let b)): return a === b
        case (.iterator(let a), .iterator(let b)): return a === b
        case (.macro, .macro), (.method, .method), (.function, .function), (.loop, .loop):
            throw .unsupported("comparing functions")
        default:
            guard let a = Number(left), let b = Number(right) else { return false }
            return a.compared(b) == .some(.equal)
        }
    }

    private static func equal(_ a: [Value], _ b: [Value]) throws(JinjaError) -> Bool {
        guard a.count == b.count else { return false }
        for (left, right) in zip(a, b) where try !equal(left, right) { return false }
        return true
    }

    enum Order { case less, equal, greater, unordered }

    /// - Throws: Python's TypeError where the two have no order.
    static func order(_ left: Value, _ right: Value, _ sign: String) throws(JinjaError) -> Order {
        if let a = Number(left), let b = Number(right) {
            return a.compared(b)
        }
        switch (left, right) {
        case (.string(let a), .string(let b)): return a == b ? .equal : a < b ? .less : .greater
        case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)):
            for (x, y) in zip(a, b) where try !equal(x, y) { return try order(x, y, sign) }
            return a.count == b.count ? .equal : a.count < b.count ? .less : .greater
        case (.undefined(let hint), _), (_, .undefined(let hint)): throw .type(hint)
        case (.markup, _), (_, .markup), (.view, _), (_, .view):
            throw .unsupported("ordering a \(left.typeName) and a \(right.typeName)")
        default:
            throw .type("'\(sign)' not supported between instances of '\(left.typeName)' and '\(right.typeName)'")
        }
    }

    static func less(_ left: Value, _ right: Value) throws(JinjaError) -> Bool { try order(left, right, "<") == .less }

    static func holds(_ kind: Comparison, _ left: Value, _ right: Value) throws(JinjaError) -> Bool {
        switch kind {
        case .equal: return try equal(left, right)
        case .notEqual: return try !equal(left, right)
        case .less: return try order(left, right, "<") == .less
        case .greater: return try order(left, right, ">") == .greater
        case .lessEqual: return try [.less, .equal].contains(order(left, right, "<="))
        case .greaterEqual: return try [.greater, .equal].contains(order(left, right, ">="))
        case .isIn: return try contains(right, left)
        case .isNotIn: return try !contains(right, left)
        }
    }

    /// Whether `item` is in `container`.
    static func contains(_ container: Value, _ item: Value) throws(JinjaError) -> Bool {
        switch container {
        case .string(let text):
            switch item {
            case .string(let part), .markup(let part): return text.find(part) != nil
            default: throw .type("'in <string>' requires string as left operand, not \(item.typeName)")
            }
        case .dict(let dict), .view(.keys, let dict): return dict[try Key(item)] != nil
        case .markup: throw .unsupported("searching a text marked as safe")
        case .iterator(let items):
            while let next = items.rest.popFirst() {
                if try equal(next, item) { return true }
            }
            return false
        case .none, .bool, .int, .float, .namespace, .macro, .method, .function:
            throw .type("argument of type '\(container.typeName)' is not iterable")
        default:
            for other in try container.items() where try equal(other, item) { return true }
            return false
        }
    }
}
