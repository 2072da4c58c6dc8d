/// A number of Python's: `int` (with `bool`) or `float`. Integers are 64 bits wide; beyond that is an error by name.
enum Number {
    case int(Int)
    case float(Double)

    init?(_ value: Value) {
        switch value {
        case .bool(let flag): self = .int(flag ? 1 : 0)
        case .int(let number): self = .int(number)
        case .float(let number): self = .float(number)
        default: return nil
        }
    }

    var double: Double {
        switch self {
        case .int(let number): Double(number)
        case .float(let number): number
        }
    }

    /// Exact, also between a float and an integer that no float holds.
    func compared(_ other: Number) -> Comparing.Order {
        switch (self, other) {
        case (.int(let a), .int(let b)): return a == b ? .equal : a < b ? .less : .greater
        case (.float(let a), .float(let b)):
            return a == b ? .equal : a < b ? .less : a > b ? .greater : .unordered
        case (.int(let a), .float(let b)):
            if b.isNaN { return .unordered }
            if let whole = Int(exactly: b.rounded(.down)) {
                if a == whole { return b == b.rounded(.down) ? .equal : .less }
                return a < whole ? .less : .greater
            }
            return b > 0 ? .less : .greater
        case (.float, .int):
            switch other.compared(self) {
            case .less: return .greater
            case .greater: return .less
            case let same: return same
            }
        }
    }

    var value: Value {
        switch self {
        case .int(let number): .int(number)
        case .float(let number): .float(number)
        }
    }

    static func combine(_ kind: Arithmetic, _ left: Number, _ right: Number) throws(JinjaError) -> Value {
        if case .int(let a) = left, case .int(let b) = right { return try whole(kind, a, b) }
        return try broken(kind, left.double, right.double)
    }

    private static func exact(_ result: (partialValue: Int, overflow: Bool)) throws(JinjaError) -> Value {
        guard !result.overflow else { throw .unsupported("an integer beyond 64 bits") }
        return .int(result.partialValue)
    }

    private static func whole(_ kind: Arithmetic, _ a: Int, _ b: Int) throws(JinjaError) -> Value {
        switch kind {
        case .add: return try exact(a.addingReportingOverflow(b))
        case .sub: return try exact(a.subtractingReportingOverflow(b))
        case .mul: return try exact(a.multipliedReportingOverflow(by: b))
        case .div:
            guard b != 0 else { throw .type("division by zero") }
            guard a.magnitude <= 1 << 53, b.magnitude <= 1 << 53 else {
                throw .unsupported("division of integers beyond 2^53")
            }
            return .float(Double(a) / Double(b))
        case .floorDiv, .mod:
            guard b != 0 else { throw .type("integer division or modulo by zero") }
            let (quotient, overflow) = a.dividedReportingOverflow(by: b)
            guard !overflow else { throw .unsupported("an integer beyond 64 bits") }
            let rest = a - quotient * b
            let isBelow = rest != 0 && (rest < 0) != (b < 0)
            return .int(kind == .floorDiv ? (isBelow ? quotient - 1 : quotient) : (isBelow ? rest + b : rest))
        case .pow:
            if b < 0 { return try broken(.pow, Double(a), Double(b)) }
            return try power(a, b)
        }
    }

    private static func power(_ base: Int, _ exponent: Int) throws(JinjaError) -> Value {
        if base == 0 || base == 1 { return .int(exponent == 0 ? 1 : base) }
        if base == -1 { return .int(exponent % 2 == 0 ? 1 : -1) }
        var result = 1
        for _ in 0..<min(exponent, 64) {
            let (next, overflow) = result.multipliedReportingOverflow(by: base)
            guard !overflow else { throw .unsupported("an integer beyond 64 bits") }
            result = next
        }
        guard exponent <= 64 else { throw .unsupported("an integer beyond 64 bits") }
        return .int(result)
    }

    private static func broken(_ kind: Arithmetic, _ a: Double, _ b: Double) throws(JinjaError) -> Value {
        switch kind {
        case .add: return .float(a + b)
        case .sub: return .float(a - b)
        case .mul: return .float(a * b)
        case .div:
            guard b != 0 else { throw .type("float division by zero") }
            return .float(a / b)
        case .floorDiv, .mod:
            guard b != 0 else { throw .type("float floor division by zero") }
            guard a.isFinite, b.isFinite else { throw .unsupported("division of infinite numbers") }
            var rest = a.truncatingRemainder(dividingBy: b)
            var quotient = (a - rest) / b
            if rest != 0, (rest < 0) != (b < 0) {
                rest += b
                quotient -= 1
            } else if rest == 0 {
                rest = Double(sign: b.sign, exponent: 0, significand: 0)
            }
            if kind == .mod { return .float(rest) }
            guard quotient != 0 else { return .float((a / b).sign == .minus ? -0.0 : 0.0) }
            let floor = quotient.rounded(.down)
            return .float(quotient - floor > 0.5 ? floor + 1 : floor)
        case .pow: return .float(try CLibrary.power(a, b))
        }
    }
}
