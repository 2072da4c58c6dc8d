/// An expression and the line it begins on.
struct Expression: Sendable {
    indirect enum Kind: Sendable {
        case constant(Constant)
        case name(String)
        case list([Expression])
        case tuple([Expression])
        case dict([(key: Expression, value: Expression)])
        case negative(Expression)
        case positive(Expression)
        case binary(Arithmetic, Expression, Expression)
        case and(Expression, Expression)
        case or(Expression, Expression)
        case not(Expression)
        /// `a < b < c`: one operand, then each comparison with the next.
        case compare(Expression, [(Comparison, Expression)])
        /// `a ~ b ~ c`
        case concat([Expression])
        case conditional(test: Expression, then: Expression, otherwise: Expression?)
        case attribute(Expression, String)
        case item(Expression, Expression)
        case slice(Expression, from: Expression?, to: Expression?, step: Expression?)
        case call(Expression, Arguments)
        /// No operand: what a `filter` or `set` block holds.
        case filter(Expression?, String, Arguments)
        case test(Expression, String, Arguments)
    }

    let kind: Kind
    let line: Int
    /// Levels of expressions, this one included.
    let depth: Int

    init(kind: Kind, line: Int) {
        self.kind = kind
        self.line = line
        depth = 1 + (kind.parts.map(\.depth).max() ?? 0)
    }
}

extension Expression.Kind {
    /// The expressions right inside.
    fileprivate var parts: [Expression] {
        switch self {
        case .constant, .name: []
        case .list(let parts), .tuple(let parts), .concat(let parts): parts
        case .dict(let members): members.flatMap { [$0.key, $0.value] }
        case .negative(let part), .positive(let part), .not(let part), .attribute(let part, _): [part]
        case .binary(_, let left, let right), .and(let left, let right), .or(let left, let right),
            .item(let left, let right):
            [left, right]
        case .compare(let first, let rest): [first] + rest.map(\.1)
        case .conditional(let test, let then, let otherwise): [test, then] + (otherwise.map { [$0] } ?? [])
        case .slice(let base, let from, let to, let step): [base] + [from, to, step].compactMap { $0 }
        case .call(let base, let arguments), .test(let base, _, let arguments): [base] + arguments.parts
        case .filter(let base, _, let arguments): (base.map { [$0] } ?? []) + arguments.parts
        }
    }
}

enum Constant: Sendable {
    case none
    case bool(Bool)
    case int(Int)
    case float(Double)
    case string(Text)
}

enum Arithmetic: String, Sendable {
    case add = "+"
    case sub = "-"
    case mul = "*"
    case div = "/"
    case floorDiv = "//"
    case mod = "%"
    case pow = "**"
}

enum Comparison: String, Sendable {
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case lessEqual = "<="
    case greater = ">"
    case greaterEqual = ">="
    case isIn = "in"
    case isNotIn = "not in"
}

/// What stands in the parentheses of a call.
struct Arguments: Sendable {
    var positional: [Expression] = []
    var named: [(name: String, value: Expression)] = []
    /// `*x` and `**x`.
    var spread: Expression?
    var namedSpread: Expression?

    fileprivate var parts: [Expression] { positional + named.map(\.value) + [spread, namedSpread].compactMap { $0 } }
}

/// What `set` and `for` write to.
indirect enum Target: Sendable {
    case name(String)
    case attribute(of: String, String)
    case tuple([Target])
}

struct Parameter: Sendable {
    var name: String
    var standard: Expression?
}

/// A macro, or the body of a `call` block.
struct MacroBody: Sendable {
    var name: String
    var parameters: [Parameter]
    var body: [Statement]
    /// The body asks for more arguments than are named, or for the block that called it.
    var usesVarargs: Bool, usesKwargs: Bool, usesCaller: Bool
}

struct Loop: Sendable {
    var target: Target
    var sequence: Expression
    var test: Expression?
    var isRecursive: Bool
    var body: [Statement]
    var otherwise: [Statement]
}

/// A statement and its line.
struct Statement: Sendable {
    indirect enum Kind: Sendable {
        case text(Text)
        case output(Expression)
        /// `{% print a, b %}`
        case printAll([Expression])
        case branch([(test: Expression, body: [Statement])], otherwise: [Statement])
        case loop(Loop)
        case assign(Target, Expression)
        /// `filters` have no operand at their innermost.
        case assignBlock(Target, filters: Expression?, [Statement])
        case macro(MacroBody)
        case callBlock(Expression, MacroBody)
        case filterBlock(Expression, [Statement])
        case with([(Target, Expression)], [Statement])
        /// `{% generation %}`: what the assistant said; transformers renders it as a block of its own.
        case generation([Statement])
        case stop
        case skip
    }

    var kind: Kind
    var line: Int
}
