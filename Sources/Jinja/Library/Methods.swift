/// Python's methods of strings, dictionaries and lists. Those that change a list or dictionary are refused, as in the
/// immutable sandbox.
enum Methods {
    private static func words(_ text: String) -> Set<String> { Set(text.split(separator: " ").map(String.init)) }

    /// Everything that Python's types have, computed here or not: `message.items` is a method, never the key `items`.
    private static let all: [String: Set<String>] = [
        "str": words(
            "capitalize casefold center count encode endswith expandtabs find format format_map index isalnum isalpha "
                + "isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle isupper join "
                + "ljust lower lstrip maketrans partition removeprefix removesuffix replace rfind rindex rjust "
                + "rpartition rsplit rstrip split splitlines startswith strip swapcase title translate upper zfill"),
        "list": words("append clear copy count extend index insert pop remove reverse sort"),
        "tuple": words("count index"),
        "dict": words("clear copy fromkeys get items keys pop popitem setdefault update values"),
        "int": words(
            "as_integer_ratio bit_count bit_length conjugate denominator from_bytes imag is_integer numerator real "
                + "to_bytes"),
        "float": words("as_integer_ratio conjugate fromhex hex imag is_integer real"),
        "range": words("count index start step stop"),
        "dict_keys": words("isdisjoint mapping"), "dict_items": words("isdisjoint mapping"),
        "dict_values": words("mapping"),
        "generator": words("close gi_code gi_frame gi_running gi_suspended gi_yieldfrom send throw"),
    ]

    static func exists(_ value: Value, _ name: String) -> Bool {
        switch value {
        case .bool: all["int"]?.contains(name) ?? false
        case .markup: (all["str"]?.contains(name) ?? false) || ["escape", "striptags", "unescape"].contains(name)
        default: all[value.typeName]?.contains(name) ?? false
        }
    }

    static func call(_ method: Method, _ call: Call, _ renderer: Renderer) throws(JinjaError) -> Value {
        guard call.caller == nil else { throw .type("\(method.name) takes no block") }
        let result: Value?
        switch method.owner {
        case .string(let text): result = try StringMethods.call(text, method.name, call, renderer)
        case .dict(let dict): result = try ofDict(dict, method.name, call)
        case .list(let items): result = try ofList(items, method.name, call, isTuple: false)
        case .tuple(let items): result = try ofList(items, method.name, call, isTuple: true)
        case .float(let number) where method.name == "is_integer":
            _ = try call.bound([], name: method.name)
            result = .bool(number.isFinite && number == number.rounded())
        default: result = nil
        }
        guard let result else { throw .unsupported("\(method.owner.typeName).\(method.name)()") }
        return result
    }

    private static func ofDict(_ dict: Dict, _ name: String, _ call: Call) throws(JinjaError) -> Value? {
        switch name {
        case "get":
            let bound = try call.bound(["key", "default"], required: 1, name: name, positionalOnly: true)
            return try dict[Key(bound[0] ?? Value.none)] ?? bound[1] ?? Value.none
        case "keys", "values", "items":
            _ = try call.bound([], name: name)
            return DictView(rawValue: name).map { .view($0, dict) }
        case "copy":
            _ = try call.bound([], name: name)
            return .dict(dict)
        case "clear", "pop", "popitem", "setdefault", "update":
            throw .type("a dictionary cannot be changed in a template (\(name))")
        default: return nil
        }
    }

    private static func ofList(_ items: [Value], _ name: String, _ call: Call, isTuple: Bool) throws(JinjaError)
        -> Value?
    {
        switch name {
        case "count":
            let wanted = try call.bound(["value"], required: 1, name: name, positionalOnly: true)[0] ?? .none
            var count = 0
            for item in items where try Comparing.equal(item, wanted) { count += 1 }
            return .int(count)
        case "index":
            let bound = try call.bound(["value", "start", "stop"], required: 1, name: name, positionalOnly: true)
            let (start, end) = try places(bound[1], bound[2], items.count, name)
            for index in start..<max(start, end) where try Comparing.equal(items[index], bound[0] ?? .none) {
                return .int(index)
            }
            throw .type("the value is not in the list")
        case "copy" where !isTuple:
            _ = try call.bound([], name: name)
            return .list(items)
        case "append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort":
            throw .type("a list cannot be changed in a template (\(name))")
        default: return nil
        }
    }

    /// Optional bounds as Python's slices take them.
    static func places(_ from: Value?, _ to: Value?, _ count: Int, _ name: String) throws(JinjaError) -> (Int, Int) {
        func place(_ value: Value?, _ standard: Int) throws(JinjaError) -> Int {
            guard let value, !value.isNone else { return standard }
            let number = try Globals.integer(value, name)
            return number < 0 ? max(0, number < -count ? 0 : number + count) : number
        }
        let start = try place(from, 0)
        let end = try place(to, count)
        return (min(start, count), min(end, count))
    }
}
