/// The functions that every template can call.
enum Globals {
    static func call(_ function: Function, _ call: Call, _ renderer: Renderer) throws(JinjaError) -> Value {
        switch function {
        case .range: return .range(try range(call, renderer))
        case .dict: return .dict(try dict(call))
        case .namespace:
            let space = Namespace()
            let values = try dict(call)
            for (key, value) in zip(values.keys, values.values) {
                guard case .string(let name) = key else { throw .unsupported("a namespace with other keys than names") }
                if case .namespace = value { throw .unsupported("a namespace within a namespace") }
                space.attributes[name.string] = value
            }
            return .namespace(space)
        case .raiseException:
            let message = try call.bound(["message"], required: 1, name: function.rawValue)[0] ?? .none
            throw JinjaError(.raised, try Printing.text(message).string)
        case .strftimeNow:
            guard case .string(let format)? = try call.bound(["format"], required: 1, name: function.rawValue)[0] else {
                throw .type("strftime_now needs a text")
            }
            return .string(try renderer.made(renderer.day.formatted(format)))
        }
    }

    private static func range(_ call: Call, _ renderer: Renderer) throws(JinjaError) -> PythonRange {
        let bound = try call.bound(["start", "stop", "step"], required: 1, name: "range", positionalOnly: true)
        var numbers: [Int] = []
        for value in bound.compactMap({ $0 }) { numbers.append(try integer(value, "range")) }
        let start = numbers.count > 1 ? numbers[0] : 0
        let end = numbers.count > 1 ? numbers[1] : numbers[0]
        let step = numbers.count > 2 ? numbers[2] : 1
        guard step != 0 else { throw .type("range() arg 3 must not be zero") }
        for number in [start, end, step] where number.magnitude > 1 << 40 {
            throw .unsupported("a range up to \(number)")
        }
        let range = PythonRange(start: start, end: end, step: step)
        guard range.count <= renderer.limits.range else {
            throw JinjaError(.limit, "a range of more than \(renderer.limits.range) numbers")
        }
        return range
    }

    static func integer(_ value: Value, _ name: String) throws(JinjaError) -> Int {
        switch value {
        case .int(let number): return number
        case .bool(let flag): return flag ? 1 : 0
        case .undefined(let hint): throw .type(hint)
        default: throw .type("\(name): '\(value.typeName)' object cannot be interpreted as an integer")
        }
    }

    private static func dict(_ call: Call) throws(JinjaError) -> Dict {
        guard call.positional.count <= 1, call.caller == nil else { throw .type("dict takes one argument") }
        var result = Dict()
        switch call.positional.first {
        case nil: break
        case .dict(let dict)?: result = dict
        case let other?:
            for pair in try other.items() {
                let parts = try pair.items()
                guard parts.count == 2 else { throw .type("a dictionary is made of pairs") }
                result[try Key(parts[0])] = parts[1]
            }
        }
        for (name, value) in call.named { result[.string(Text(name))] = value }
        try Value.dict(result).checkedDepth()
        return result
    }
}
