/// A value of Python's as templates see it. Lists and dictionaries never change (transformers renders in jinja2's
/// `ImmutableSandboxedEnvironment`), so they are values here.
public enum Value {
    /// Not given; the text says what is missing.
    case undefined(String)
    case none
    case bool(Bool)
    case int(Int)
    case float(Double)
    case string(Text)
    /// A text that `safe` or `escape` has marked; only printing it is computed.
    case markup(Text)
    case list([Value])
    case tuple([Value])
    case dict(Dict)
    case range(PythonRange)
    /// `keys()`, `values()`, `items()` of a dictionary.
    case view(DictView, Dict)
    /// What filters such as `map` give: can be gone through once.
    case iterator(Items)
    case namespace(Namespace)
    case loop(LoopState)
    case macro(Macro)
    indirect case method(Method)
    case function(Function)

    public static func text(_ string: String) -> Value { .string(Text(string)) }
    /// A text from outside the template, which `Text.runs` tells apart.
    public static func text(_ string: String, from origin: Text.Origin) -> Value { .string(Text(string, from: origin)) }
}

public enum DictView: String, Sendable { case keys, values, items }

/// `range(…)`
public struct PythonRange: Equatable {
    var start: Int, end: Int, step: Int

    var count: Int {
        if step > 0 { return start < end ? (end - start - 1) / step + 1 : 0 }
        return start > end ? (start - end - 1) / -step + 1 : 0
    }
    var items: [Value] { (0..<count).map { .int(start + $0 * step) } }
}

/// What is left of an iterator.
public final class Items {
    var rest: ArraySlice<Value>
    init(_ items: [Value]) { rest = items[...] }

    func take() -> [Value] {
        defer { rest = [] }
        return Array(rest)
    }
}

/// `namespace(…)`: the one thing whose attributes can be set.
public final class Namespace {
    var attributes: [String: Value] = [:]
}

/// A method of a value, not called yet: `text.strip`.
public struct Method {
    var owner: Value
    var name: String

    public init(owner: Value, name: String) {
        self.owner = owner
        self.name = name
    }
}

/// A global function.
public enum Function: String, CaseIterable {
    case range, dict, namespace
    case raiseException = "raise_exception"
    case strftimeNow = "strftime_now"
}

/// A dictionary in the order of insertion.
public struct Dict {
    package private(set) var keys: [Key] = []
    package private(set) var values: [Value] = []
    private var places: [Key: Int] = [:]

    public init() {}

    public init(_ members: [(String, Value)]) {
        for (key, value) in members { self[.string(Text(key))] = value }
    }

    var count: Int { keys.count }
    var items: [Value] { zip(keys, values).map { .tuple([$0.value, $1]) } }

    subscript(key: Key) -> Value? {
        get { places[key].map { values[$0] } }
        set {
            guard let newValue else { return }
            if let place = places[key] {
                values[place] = newValue
            } else {
                places[key] = keys.count
                keys.append(key)
                values.append(newValue)
            }
        }
    }
}

/// A dictionary's key. As in Python, `1`, `1.0` and `true` are one key, which keeps its first spelling.
package indirect enum Key: Hashable {
    case none
    case number(Double, spelling: Spelling)
    case string(Text)
    case tuple([Key])
    case undefined

    package enum Spelling { case bool(Bool), int(Int), float }

    package static func == (left: Key, right: Key) -> Bool {
        switch (left, right) {
        case (.none, .none), (.undefined, .undefined): true
        case (.number(let a, .int(let x)), .number(let b, .int(let y))): a == b && x == y
        case (.number(let a, _), .number(let b, _)): a == b
        case (.string(let a), .string(let b)): a == b
        case (.tuple(let a), .tuple(let b)): a == b
        default: false
        }
    }

    package func hash(into hasher: inout Hasher) {
        switch self {
        case .none, .undefined: hasher.combine(0)
        case .number(let number, _): hasher.combine(number)
        case .string(let text): hasher.combine(text)
        case .tuple(let keys): hasher.combine(keys)
        }
    }

    init(_ value: Value) throws(JinjaError) {
        switch value {
        case .none: self = .none
        case .bool(let flag): self = .number(flag ? 1 : 0, spelling: .bool(flag))
        case .int(let number): self = .number(Double(number), spelling: .int(number))
        case .float(let number): self = .number(number, spelling: .float)
        case .string(let text): self = .string(text)
        case .undefined: self = .undefined
        case .tuple(let values):
            var keys: [Key] = []
            for value in values { keys.append(try Key(value)) }
            self = .tuple(keys)
        case .list, .dict: throw .type("unhashable type: '\(value.typeName)'")
        default: throw .unsupported("a \(value.typeName) as a key")
        }
    }

    var value: Value {
        switch self {
        case .none: .none
        case .undefined: .undefined("a key")
        case .number(let number, let spelling):
            switch spelling {
            case .bool(let flag): .bool(flag)
            case .int(let whole): .int(whole)
            case .float: .float(number)
            }
        case .string(let text): .string(text)
        case .tuple(let keys): .tuple(keys.map(\.value))
        }
    }
}

extension Value {
    /// Python's name of the type, for messages.
    var typeName: String {
        switch self {
        case .undefined: "Undefined"
        case .none: "NoneType"
        case .bool: "bool"
        case .int: "int"
        case .float: "float"
        case .string: "str"
        case .markup: "Markup"
        case .list: "list"
        case .tuple: "tuple"
        case .dict: "dict"
        case .range: "range"
        case .view(let kind, _): "dict_\(kind.rawValue)"
        case .iterator: "generator"
        case .namespace: "Namespace"
        case .loop: "LoopContext"
        case .macro: "Macro"
        case .method: "method"
        case .function: "function"
        }
    }

    var isUndefined: Bool { if case .undefined = self { true } else { false } }
    var isNone: Bool { if case .none = self { true } else { false } }

    /// As Python's `bool()`.
    var isTrue: Bool {
        switch self {
        case .undefined, .none: false
        case .bool(let flag): flag
        case .int(let number): number != 0
        case .float(let number): number != 0
        case .string(let text), .markup(let text): !text.isEmpty
        case .list(let items), .tuple(let items): !items.isEmpty
        case .dict(let dict), .view(_, let dict): dict.count > 0
        case .range(let range): range.count > 0
        case .loop(let loop): loop.count > 0
        case .iterator, .namespace, .macro, .method, .function: true
        }
    }

    /// As Python's `len()`; `nil` where it has none.
    var length: Int? {
        switch self {
        case .undefined: 0
        case .string(let text), .markup(let text): text.count
        case .list(let items), .tuple(let items): items.count
        case .dict(let dict), .view(_, let dict): dict.count
        case .range(let range): range.count
        case .loop(let loop): loop.count
        default: nil
        }
    }

    /// The items that Python's `iter()` goes through, which empties an iterator.
    func items() throws(JinjaError) -> [Value] {
        switch self {
        case .undefined: return []
        case .string(let text): return text.units.map { .string(Text(units: [$0])) }
        case .list(let items), .tuple(let items): return items
        case .dict(let dict): return dict.keys.map(\.value)
        case .range(let range): return range.items
        case .view(let kind, let dict):
            switch kind {
            case .keys: return dict.keys.map(\.value)
            case .values: return dict.values
            case .items: return dict.items
            }
        case .iterator(let items): return items.take()
        case .markup: throw .unsupported("going through a text marked as safe")
        case .loop: throw .unsupported("going through loop itself")
        default: throw .type("'\(typeName)' object is not iterable")
        }
    }

    /// Containers inside containers, at most `limit`; what cannot be inside one is refused.
    func checkedDepth(limit: Int = 48) throws(JinjaError) {
        guard limit > 0 else { throw JinjaError(.limit, "lists within lists, deeper than 48") }
        switch self {
        case .list(let items), .tuple(let items):
            for item in items where item.isContainer { try item.checkedDepth(limit: limit - 1) }
        case .dict(let dict), .view(_, let dict):
            for item in dict.values where item.isContainer { try item.checkedDepth(limit: limit - 1) }
        case .iterator(let items):
            for item in items.rest where item.isContainer { try item.checkedDepth(limit: limit - 1) }
        case .namespace, .loop, .macro, .method: throw .unsupported("a \(typeName) inside another value")
        default: break
        }
    }

    private var isContainer: Bool {
        switch self {
        case .undefined, .none, .bool, .int, .float, .string, .markup, .range, .function: false
        default: true
        }
    }
}
