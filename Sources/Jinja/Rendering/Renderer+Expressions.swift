extension Renderer {
    func evaluate(_ expression: Expression, _ frame: Frame) throws(JinjaError) -> Value {
        try count()
        switch expression.kind {
        case .constant(let constant): return constant.value
        case .name(let name): return try variable(name, frame)
        default: return try deeper(expression.line) { () throws(JinjaError) in try composed(expression.kind, frame) }
        }
    }

    private func variable(_ name: String, _ frame: Frame) throws(JinjaError) -> Value {
        if let value = frame.find(name) { return value }
        if let function = Function(rawValue: name) { return .function(function) }
        if ["cycler", "joiner", "lipsum"].contains(name) { throw .unsupported("\(name)()") }
        return .undefined("'\(name)' is undefined")
    }

    private func composed(_ kind: Expression.Kind, _ frame: Frame) throws(JinjaError) -> Value {
        switch kind {
        case .list, .tuple, .dict: return try container(kind, frame)
        case .negative, .positive, .binary, .concat: return try arithmetic(kind, frame)
        case .and, .or, .not, .compare, .conditional: return try logic(kind, frame)
        case .attribute(let base, let name):
            return try Attributes.attribute(evaluate(base, frame), name)
        case .item(let base, let index): return try Attributes.item(evaluate(base, frame), evaluate(index, frame))
        case .slice(let base, let from, let to, let step): return try slice(base, from, to, step, frame)
        case .call: return try call(Expression(kind: kind, line: 0), frame, caller: nil)
        case .filter, .test: return try library(kind, frame)
        case .constant, .name: return .none
        }
    }

    private func container(_ kind: Expression.Kind, _ frame: Frame) throws(JinjaError) -> Value {
        let result: Value
        switch kind {
        case .list(let parts): result = .list(try evaluated(parts, frame))
        case .tuple(let parts): result = .tuple(try evaluated(parts, frame))
        case .dict(let parts):
            var dict = Dict()
            for part in parts { dict[try Key(evaluate(part.key, frame))] = try evaluate(part.value, frame) }
            result = .dict(dict)
        default: return .none
        }
        try result.checkedDepth()
        return result
    }

    private func evaluated(_ parts: [Expression], _ frame: Frame) throws(JinjaError) -> [Value] {
        var values: [Value] = []
        for part in parts { values.append(try evaluate(part, frame)) }
        return values
    }

    private func arithmetic(_ kind: Expression.Kind, _ frame: Frame) throws(JinjaError) -> Value {
        switch kind {
        case .negative(let inner):
            let value = try evaluate(inner, frame)
            guard let number = Number(value) else { throw Operators.wrong("-", value) }
            if case .float(let broken) = number { return .float(-broken) }
            return try Number.combine(.sub, .int(0), number)
        case .positive(let inner):
            let value = try evaluate(inner, frame)
            guard let number = Number(value) else { throw Operators.wrong("+", value) }
            return number.value
        case .binary(let kind, let left, let right):
            return try Operators.combine(kind, evaluate(left, frame), evaluate(right, frame), self)
        case .concat(let parts):
            var text = Text(units: [])
            for part in parts {
                let value = try evaluate(part, frame)
                if case .markup = value { throw .unsupported("joining a text marked as safe") }
                text += try Printing.text(value)
            }
            return .string(try made(text))
        default: return .none
        }
    }

    private func logic(_ kind: Expression.Kind, _ frame: Frame) throws(JinjaError) -> Value {
        switch kind {
        case .and(let left, let right):
            let value = try evaluate(left, frame)
            return value.isTrue ? try evaluate(right, frame) : value
        case .or(let left, let right):
            let value = try evaluate(left, frame)
            return value.isTrue ? value : try evaluate(right, frame)
        case .not(let inner): return .bool(try !evaluate(inner, frame).isTrue)
        case .compare(let first, let rest):
            var left = try evaluate(first, frame)
            for (kind, expression) in rest {
                let right = try evaluate(expression, frame)
                guard try Comparing.holds(kind, left, right) else { return .bool(false) }
                left = right
            }
            return .bool(true)
        case .conditional(let test, let then, let otherwise):
            if try evaluate(test, frame).isTrue { return try evaluate(then, frame) }
            if let otherwise { return try evaluate(otherwise, frame) }
            return .undefined("the inline if-expression evaluated to false and has no else")
        default: return .none
        }
    }

    private func slice(
        _ base: Expression, _ from: Expression?, _ to: Expression?, _ step: Expression?, _ frame: Frame
    ) throws(JinjaError) -> Value {
        let value = try evaluate(base, frame)
        var bounds: [Int?] = []
        for part in [from, to, step] {
            guard let part else {
                bounds.append(nil)
                continue
            }
            switch try evaluate(part, frame) {
            case .none: bounds.append(nil)
            case .int(let number): bounds.append(number)
            case .bool(let flag): bounds.append(flag ? 1 : 0)
            case .undefined(let hint): throw .type(hint)
            case let other: throw .type("slice indices must be integers or None, not \(other.typeName)")
            }
        }
        return try Slicing.slice(value, bounds[0], bounds[1], bounds[2])
    }

    private func library(_ kind: Expression.Kind, _ frame: Frame) throws(JinjaError) -> Value {
        switch kind {
        case .filter(let operand, let name, let arguments):
            guard let operand else { throw JinjaError(.syntax, "a filter without a value") }
            return try filter(name, evaluate(operand, frame), called(arguments, frame))
        case .test(let operand, let name, let arguments):
            return .bool(try TestLibrary.holds(name, evaluate(operand, frame), called(arguments, frame)))
        default: return .none
        }
    }

    func filter(_ name: String, _ value: Value, _ call: Call) throws(JinjaError) -> Value {
        try count()
        return try FilterLibrary.apply(name, value, call, self)
    }

    /// The filters of a block, applied to what it wrote.
    func filtered(_ filters: Expression, _ value: Value, _ frame: Frame) throws(JinjaError) -> Value {
        guard case .filter(let inner, let name, let arguments) = filters.kind else { return value }
        let operand = if let inner { try filtered(inner, value, frame) } else { value }
        return try filter(name, operand, called(arguments, frame))
    }
}

extension Constant {
    var value: Value {
        switch self {
        case .none: .none
        case .bool(let flag): .bool(flag)
        case .int(let number): .int(number)
        case .float(let number): .float(number)
        case .string(let text): .string(text)
        }
    }
}
