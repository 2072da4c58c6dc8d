/// `+ - * / // % **`
enum Operators {
    static func wrong(_ sign: String, _ value: Value) -> JinjaError {
        if case .undefined(let hint) = value { return .type(hint) }
        return .type("bad operand type for unary \(sign): '\(value.typeName)'")
    }

    static func combine(_ kind: Arithmetic, _ left: Value, _ right: Value, _ renderer: Renderer) throws(JinjaError)
        -> Value
    {
        // `'…' % undefined` prints it.
        if kind == .mod, case .string(let format) = left {
            return .string(try renderer.made(Percent.format(format, right, renderer)))
        }
        if case .undefined(let hint) = left { throw .type(hint) }
        if case .undefined(let hint) = right { throw .type(hint) }
        if let a = Number(left), let b = Number(right) { return try Number.combine(kind, a, b) }
        switch (kind, left, right) {
        case (.add, .string(let a), .string(let b)):
            try renderer.checkLength(a.count + b.count)
            return .string(try renderer.made(a + b))
        case (.add, .list(let a), .list(let b)):
            try renderer.count(a.count + b.count)
            return .list(a + b)
        case (.add, .tuple(let a), .tuple(let b)):
            try renderer.count(a.count + b.count)
            return .tuple(a + b)
        case (_, .markup, _), (_, _, .markup): throw .unsupported("calculating with a text marked as safe")
        case (.mul, _, .int(let times)): return try repeated(kind, left, times, right, renderer)
        case (.mul, _, .bool(let flag)): return try repeated(kind, left, flag ? 1 : 0, right, renderer)
        case (.mul, .int(let times), _): return try repeated(kind, right, times, left, renderer)
        case (.mul, .bool(let flag), _): return try repeated(kind, right, flag ? 1 : 0, left, renderer)
        default: throw mismatch(kind, left, right)
        }
    }

    private static func mismatch(_ kind: Arithmetic, _ left: Value, _ right: Value) -> JinjaError {
        .type("unsupported operand type(s) for \(kind.rawValue): '\(left.typeName)' and '\(right.typeName)'")
    }

    private static func repeated(
        _ kind: Arithmetic, _ value: Value, _ times: Int, _ other: Value, _ renderer: Renderer
    ) throws(JinjaError) -> Value {
        let times = max(0, times)
        func check(_ count: Int) throws(JinjaError) {
            let (size, overflow) = count.multipliedReportingOverflow(by: times)
            try renderer.checkLength(overflow ? Int.max : size)
            try renderer.count(1 + size / 8)
        }
        func all(_ items: [Value]) throws(JinjaError) -> [Value] {
            try check(items.count * 8)
            return items.isEmpty ? [] : Array((0..<times).map { _ in items }.joined())
        }
        switch value {
        case .string(let text):
            try check(text.count)
            return .string(text.isEmpty ? text : text.repeated(times))
        case .list(let items): return .list(try all(items))
        case .tuple(let items): return .tuple(try all(items))
        default: throw mismatch(kind, value, other)
        }
    }
}

/// `a[from:to:step]`
enum Slicing {
    static func slice(_ value: Value, _ from: Int?, _ to: Int?, _ step: Int?) throws(JinjaError) -> Value {
        switch value {
        case .undefined(let hint): throw .type(hint)
        case .string(let text):
            return .string(Text(units: try indices(text.count, from, to, step).map { text.units[$0] }))
        case .list(let items): return .list(try indices(items.count, from, to, step).map { items[$0] })
        case .tuple(let items): return .tuple(try indices(items.count, from, to, step).map { items[$0] })
        case .range(let range):
            let (start, end, step) = try bounds(range.count, from, to, step)
            guard step.magnitude < 1 << 20 else { throw .unsupported("a range in steps of \(step)") }
            return .range(
                PythonRange(
                    start: range.start + start * range.step, end: range.start + end * range.step,
                    step: range.step * step))
        case .markup: throw .unsupported("slicing a \(value.typeName)")
        case .dict: throw .type("a dictionary cannot be sliced")
        default: throw .type("'\(value.typeName)' object is not subscriptable")
        }
    }

    /// As Python's `slice.indices`.
    private static func bounds(_ count: Int, _ from: Int?, _ to: Int?, _ step: Int?) throws(JinjaError)
        -> (start: Int, end: Int, step: Int)
    {
        let step = step ?? 1
        guard step != 0 else { throw .type("slice step cannot be zero") }
        let lowest = step > 0 ? 0 : -1
        let highest = step > 0 ? count : count - 1
        func place(_ bound: Int?, _ standard: Int) -> Int {
            guard let bound else { return standard }
            return bound < 0 ? max(lowest, bound < -count ? lowest : bound + count) : min(bound, highest)
        }
        return (place(from, step > 0 ? lowest : highest), place(to, step > 0 ? highest : lowest), step)
    }

    private static func indices(_ count: Int, _ from: Int?, _ to: Int?, _ step: Int?) throws(JinjaError) -> [Int] {
        let (start, end, step) = try bounds(count, from, to, step)
        guard step.magnitude <= max(count, 1) else {
            let isInside = step > 0 ? start < end : start > end
            return isInside ? [start] : []
        }
        return Array(stride(from: start, to: end, by: step))
    }
}
