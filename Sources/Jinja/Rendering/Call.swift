/// Arguments of a call, evaluated.
struct Call {
    var positional: [Value] = []
    var named: [(name: String, value: Value)] = []
    /// The block of a `call` statement.
    var caller: Macro?

    subscript(name: String) -> Value? { named.first { $0.name == name }?.value }

    /// The arguments in the order of `parameters`; `nil` where one is not given.
    /// - Parameter positionalOnly: none may be named.
    func bound(_ parameters: [String], required: Int = 0, name: String, positionalOnly: Bool = false)
        throws(JinjaError) -> [Value?]
    {
        guard positional.count <= parameters.count else {
            throw .type("\(name) takes \(parameters.count) arguments, not \(positional.count)")
        }
        guard caller == nil else { throw .type("\(name) takes no block") }
        var result: [Value?] = positional.map { $0 }
        result += Array(repeating: nil, count: parameters.count - positional.count)
        for (key, value) in named {
            guard !positionalOnly, let place = parameters.firstIndex(of: key) else {
                throw .type("\(name) has no argument named \(key)")
            }
            guard result[place] == nil else { throw .type("\(name) got two values for \(key)") }
            result[place] = value
        }
        for place in 0..<required where result[place] == nil {
            throw .type("\(name) needs the argument \(parameters[place])")
        }
        return result
    }
}

/// A macro and the scope it was written in.
public struct Macro {
    let body: MacroBody
    let frame: Frame
}

extension Renderer {
    func called(_ arguments: Arguments, _ frame: Frame) throws(JinjaError) -> Call {
        var call = Call()
        for part in arguments.positional { call.positional.append(try evaluate(part, frame)) }
        for part in arguments.named {
            guard call[part.name] == nil else { throw .type("two values for \(part.name)") }
            call.named.append((part.name, try evaluate(part.value, frame)))
        }
        if let spread = arguments.spread { call.positional += try evaluate(spread, frame).items() }
        if let spread = arguments.namedSpread {
            guard case .dict(let dict) = try evaluate(spread, frame) else {
                throw .type("the argument after ** must be a dictionary")
            }
            for (key, value) in zip(dict.keys, dict.values) {
                guard case .string(let name) = key else { throw .type("keywords must be strings") }
                guard call[name.string] == nil else { throw .type("two values for \(name.string)") }
                call.named.append((name.string, value))
            }
        }
        return call
    }

    func call(_ expression: Expression, _ frame: Frame, caller: Macro?) throws(JinjaError) -> Value {
        guard case .call(let callee, let arguments) = expression.kind else { return .none }
        let function = try evaluate(callee, frame)
        var call = try called(arguments, frame)
        call.caller = caller
        switch function {
        case .undefined(let hint): throw .type(hint)
        case .function(let function): return try Globals.call(function, call, self)
        case .macro(let macro): return try run(macro, call)
        case .loop(let loop): return try callLoop(loop, nil, call)
        case .method(let method):
            if case .loop(let loop) = method.owner { return try callLoop(loop, method.name, call) }
            return try Methods.call(method, call, self)
        default: throw .type("'\(function.typeName)' object is not callable")
        }
    }

    private func run(_ macro: Macro, _ call: Call) throws(JinjaError) -> Value {
        let body = macro.body
        let frame = Frame(parent: macro.frame)
        defer { frame.variables.removeAll() }
        var named = call.named
        var given: [Value?] = []
        for (index, parameter) in body.parameters.enumerated() {
            if index < call.positional.count {
                given.append(call.positional[index])
            } else if let place = named.firstIndex(where: { $0.name == parameter.name }) {
                given.append(named.remove(at: place).value)
            } else {
                given.append(nil)
            }
        }
        try bindExtras(macro, call, &named, frame)
        for (parameter, value) in zip(body.parameters, given) {
            if let value {
                frame.variables[parameter.name] = value
            } else if let standard = parameter.standard {
                frame.variables[parameter.name] = try evaluate(standard, frame)
            } else {
                frame.variables[parameter.name] = .undefined("parameter '\(parameter.name)' was not provided")
            }
        }
        var text = Text(units: [])
        _ = try run(body.body, in: frame, into: &text)
        return .string(text)
    }

    /// `caller`, `kwargs` and `varargs`, which a macro has where it mentions them.
    private func bindExtras(
        _ macro: Macro, _ call: Call, _ named: inout [(name: String, value: Value)], _ frame: Frame
    ) throws(JinjaError) {
        let body = macro.body
        if body.usesCaller {
            if let place = named.firstIndex(where: { $0.name == "caller" }) {
                frame.variables["caller"] = named.remove(at: place).value
            } else {
                frame.variables["caller"] = call.caller.map { .macro($0) } ?? .undefined("No caller defined")
            }
        } else if call.caller != nil {
            throw .type("macro '\(body.name)' was invoked with a block, but does not call it")
        }
        if body.usesKwargs {
            frame.variables["kwargs"] = .dict(Dict(named.map { ($0.name, $0.value) }))
        } else if let extra = named.first {
            throw .type("macro '\(body.name)' takes no keyword argument '\(extra.name)'")
        }
        let rest = Array(call.positional.dropFirst(body.parameters.count))
        if body.usesVarargs {
            frame.variables["varargs"] = .tuple(rest)
        } else if !rest.isEmpty {
            throw .type("macro '\(body.name)' takes not more than \(body.parameters.count) arguments")
        }
    }
}
