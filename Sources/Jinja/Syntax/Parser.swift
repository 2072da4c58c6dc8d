/// Reads a template's statements; expressions are read in `Parser+Expressions`.
///
/// The grammar is that of jinja2's parser with the extension `loopcontrols` and transformers' `generation` blocks.
struct Parser {
    let tokens: [Token]
    var place = 0
    /// Names that are read, one set for each macro that is open, the template's own first.
    var read: [Set<String>] = [[]]
    private var loops = 0
    var depth = 0
    /// Inside an `if`, where jinja2 minds an unknown filter only once it is reached.
    var conditions = 0

    static let maximumDepth = 100

    init(_ source: String) throws(JinjaError) { tokens = try Lexer.tokens(source) }

    var current: Token { tokens[place] }
    var next: Token { tokens[min(place + 1, tokens.count - 1)] }

    mutating func advance() { if place < tokens.count - 1 { place += 1 } }

    func isSymbol(_ symbol: Token.Symbol) -> Bool { current.kind == .symbol(symbol) }
    func isName(_ name: String) -> Bool { current.kind == .name(name) }

    mutating func skip(_ symbol: Token.Symbol) -> Bool {
        guard isSymbol(symbol) else { return false }
        advance()
        return true
    }

    mutating func skip(name: String) -> Bool {
        guard isName(name) else { return false }
        advance()
        return true
    }

    mutating func expect(_ kind: Token.Kind, _ word: String) throws(JinjaError) {
        guard current.kind == kind else { throw unexpected(word) }
        advance()
    }

    mutating func expectName() throws(JinjaError) -> String {
        guard case .name(let name) = current.kind else { throw unexpected("a name") }
        advance()
        return name
    }

    func unexpected(_ wanted: String) -> JinjaError {
        JinjaError(.syntax, line: current.line, "\(wanted) is expected, not \(current.word)")
    }

    mutating func nested<T>(_ body: (inout Parser) throws(JinjaError) -> T) throws(JinjaError) -> T {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else {
            throw JinjaError(.limit, line: current.line, "nested deeper than \(Self.maximumDepth)")
        }
        return try body(&self)
    }

    /// Counts one more operator in a chain such as `a + b + c`, whose first one lies deepest.
    func link(_ links: inout Int) throws(JinjaError) {
        links += 1
        guard links <= 2 * Self.maximumDepth else {
            throw JinjaError(.limit, line: current.line, "more than \(2 * Self.maximumDepth) operators in a row")
        }
    }

    mutating func template() throws(JinjaError) -> [Statement] {
        let result = try statements(until: [])
        guard case .end = current.kind else { throw unexpected("the template's end") }
        return result
    }

    /// Statements up to one of the tags `ends`, whose name is the current token then.
    mutating func statements(until ends: Set<String>) throws(JinjaError) -> [Statement] {
        try nested { (parser) throws(JinjaError) in
            var result: [Statement] = []
            while true {
                let line = parser.current.line
                switch parser.current.kind {
                case .data(let text):
                    parser.advance()
                    result.append(Statement(kind: .text(text), line: line))
                case .variableBegin:
                    parser.advance()
                    let value = try parser.tuple()
                    try parser.expect(.variableEnd, "}}")
                    result.append(Statement(kind: .output(value), line: line))
                case .blockBegin:
                    parser.advance()
                    if case .name(let name) = parser.current.kind, ends.contains(name) { return result }
                    result.append(Statement(kind: try parser.statement(), line: line))
                    try parser.expect(.blockEnd, "%}")
                default:
                    guard ends.isEmpty else { throw parser.unexpected(ends.sorted().joined(separator: " or ")) }
                    return result
                }
            }
        }
    }

    /// After the tag that opens a block: its body, and what closes it.
    private mutating func body(until end: String) throws(JinjaError) -> [Statement] {
        try expect(.blockEnd, "%}")
        let result = try statements(until: [end])
        advance()
        return result
    }

    private static let refused: Set<String> = [
        "include", "import", "from", "extends", "block", "autoescape", "do", "trans", "pluralize", "debug",
    ]

    private mutating func statement() throws(JinjaError) -> Statement.Kind {
        let line = current.line
        let tag = try expectName()
        switch tag {
        case "if": return try branch()
        case "for": return try loop()
        case "set": return try assignment()
        case "macro": return try macro()
        case "call": return try callBlock()
        case "filter":
            let filter = try filterChain(nil, isFirst: true)
            return .filterBlock(filter, try body(until: "endfilter"))
        case "with": return try with()
        case "print": return .printAll(try list(until: .blockEnd))
        case "generation": return .generation(try body(until: "endgeneration"))
        case "break", "continue":
            guard loops > 0 else { throw JinjaError(.syntax, line: line, "\(tag) outside a loop") }
            return tag == "break" ? .stop : .skip
        default:
            guard Self.refused.contains(tag) else {
                throw JinjaError(.syntax, line: line, "unknown tag {% \(tag) %}")
            }
            throw JinjaError.unsupported("{% \(tag) %}").at(line)
        }
    }

    private mutating func branch() throws(JinjaError) -> Statement.Kind {
        var branches: [(test: Expression, body: [Statement])] = []
        conditions += 1
        defer { conditions -= 1 }
        while true {
            let test = try tuple(withConditional: false)
            try expect(.blockEnd, "%}")
            branches.append((test, try statements(until: ["elif", "else", "endif"])))
            let end = try expectName()
            if end == "elif" { continue }
            guard end == "else" else { return .branch(branches, otherwise: []) }
            return .branch(branches, otherwise: try body(until: "endif"))
        }
    }

    private mutating func loop() throws(JinjaError) -> Statement.Kind {
        let target = try target(ends: ["in"])
        guard skip(name: "in") else { throw unexpected("in") }
        let sequence = try tuple(withConditional: false, ends: ["recursive"])
        let test = skip(name: "if") ? try expression() : nil
        let isRecursive = skip(name: "recursive")
        try expect(.blockEnd, "%}")
        loops += 1
        let body = try statements(until: ["endfor", "else"])
        loops -= 1
        let otherwise = try expectName() == "else" ? try self.body(until: "endfor") : []
        return .loop(
            Loop(
                target: target, sequence: sequence, test: test, isRecursive: isRecursive, body: body,
                otherwise: otherwise))
    }

    private mutating func assignment() throws(JinjaError) -> Statement.Kind {
        let target = try target(ends: [])
        if skip(.assign) { return .assign(target, try tuple()) }
        let filters = isSymbol(.pipe) ? try filterChain(nil) : nil
        return .assignBlock(target, filters: filters, try body(until: "endset"))
    }

    /// A name, an attribute of a namespace, or several of them.
    mutating func target(ends: Set<String>) throws(JinjaError) -> Target {
        try nested { (parser) throws(JinjaError) in
            var parts: [Target] = []
            var isTuple = false
            while true {
                if case .name(let name) = parser.current.kind, ends.contains(name) { break }
                if [.blockEnd, .symbol(.assign), .symbol(.pipe), .symbol(.rightParen)].contains(parser.current.kind) {
                    break
                }
                parts.append(try parser.singleTarget())
                guard parser.skip(.comma) else { break }
                isTuple = true
            }
            guard let first = parts.first else { throw parser.unexpected("a name") }
            return isTuple ? .tuple(parts) : first
        }
    }

    private mutating func singleTarget() throws(JinjaError) -> Target {
        if skip(.leftParen) {
            let inner = try target(ends: [])
            try expect(.symbol(.rightParen), ")")
            return inner
        }
        let line = current.line
        let name = try expectName()
        guard !["true", "false", "none", "True", "False", "None"].contains(name) else {
            throw JinjaError(.syntax, line: line, "cannot assign to \(name)")
        }
        if skip(.dot) { return .attribute(of: name, try expectName()) }
        return .name(name)
    }
}

/// Macros and the blocks that work like them.
extension Parser {
    private mutating func parameters() throws(JinjaError) -> [Parameter] {
        var result: [Parameter] = []
        try expect(.symbol(.leftParen), "(")
        while !isSymbol(.rightParen) {
            if !result.isEmpty { try expect(.symbol(.comma), ",") }
            if isSymbol(.rightParen) { break }
            let line = current.line
            let name = try expectName()
            let standard = skip(.assign) ? try expression() : nil
            if standard == nil, result.last?.standard != nil {
                throw JinjaError(.syntax, line: line, "the parameter \(name) has no default, but the one before it has")
            }
            result.append(Parameter(name: name, standard: standard))
        }
        try expect(.symbol(.rightParen), ")")
        return result
    }

    /// Reads a macro's body with `read` open for it.
    private mutating func macroBody(_ name: String, _ parameters: [Parameter], end: String) throws(JinjaError)
        -> MacroBody
    {
        read.append([])
        let outerLoops = loops
        loops = 0
        let body = try body(until: end)
        loops = outerLoops
        let names = read.removeLast()
        read[read.count - 1].formUnion(names)
        let own = Set(parameters.map(\.name))
        func uses(_ name: String) -> Bool { names.contains(name) && !own.contains(name) }
        return MacroBody(
            name: name, parameters: parameters, body: body, usesVarargs: uses("varargs"), usesKwargs: uses("kwargs"),
            usesCaller: uses("caller"))
    }

    private mutating func macro() throws(JinjaError) -> Statement.Kind {
        let name = try expectName()
        let parameters = try parameters()
        return .macro(try macroBody(name, parameters, end: "endmacro"))
    }

    private mutating func callBlock() throws(JinjaError) -> Statement.Kind {
        let parameters = isSymbol(.leftParen) ? try parameters() : []
        let call = try expression()
        guard case .call = call.kind else { throw JinjaError(.syntax, line: call.line, "{% call %} needs a call") }
        return .callBlock(call, try macroBody("caller", parameters, end: "endcall"))
    }

    private mutating func with() throws(JinjaError) -> Statement.Kind {
        var bindings: [(Target, Expression)] = []
        while current.kind != .blockEnd {
            if !bindings.isEmpty { try expect(.symbol(.comma), ",") }
            let target = try singleTarget()
            try expect(.symbol(.assign), "=")
            bindings.append((target, try expression()))
        }
        return .with(bindings, try body(until: "endwith"))
    }
}
