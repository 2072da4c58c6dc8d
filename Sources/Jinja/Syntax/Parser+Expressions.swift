/// Expressions, in Jinja's order of precedence: from the loosest (`if`) to the tightest (literals and names).
extension Parser {
    mutating func expression() throws(JinjaError) -> Expression {
        let result = try nested { (parser) throws(JinjaError) in try parser.conditional() }
        guard result.depth <= 3 * Self.maximumDepth else {
            throw JinjaError(.limit, line: result.line, "expressions nested deeper than \(3 * Self.maximumDepth)")
        }
        return result
    }

    private mutating func conditional() throws(JinjaError) -> Expression {
        let line = current.line
        var result = try or()
        var links = 0
        while skip(name: "if") {
            try link(&links)
            conditions += 1
            defer { conditions -= 1 }
            let test = try or()
            let otherwise = skip(name: "else") ? try expression() : nil
            result = Expression(kind: .conditional(test: test, then: result, otherwise: otherwise), line: line)
        }
        return result
    }

    private mutating func or() throws(JinjaError) -> Expression {
        let line = current.line
        var result = try and()
        var links = 0
        while skip(name: "or") {
            try link(&links)
            result = Expression(kind: .or(result, try and()), line: line)
        }
        return result
    }

    private mutating func and() throws(JinjaError) -> Expression {
        let line = current.line
        var result = try not()
        var links = 0
        while skip(name: "and") {
            try link(&links)
            result = Expression(kind: .and(result, try not()), line: line)
        }
        return result
    }

    private mutating func not() throws(JinjaError) -> Expression {
        let line = current.line
        guard skip(name: "not") else { return try comparison() }
        return try nested { (parser) throws(JinjaError) in Expression(kind: .not(try parser.not()), line: line) }
    }

    private static let comparisons: [Token.Symbol: Comparison] = [
        .equal: .equal, .notEqual: .notEqual, .less: .less, .lessEqual: .lessEqual, .greater: .greater,
        .greaterEqual: .greaterEqual,
    ]

    private mutating func comparison() throws(JinjaError) -> Expression {
        let line = current.line
        let first = try sum()
        var rest: [(Comparison, Expression)] = []
        while true {
            if case .symbol(let symbol) = current.kind, let kind = Self.comparisons[symbol] {
                advance()
                rest.append((kind, try sum()))
            } else if skip(name: "in") {
                rest.append((.isIn, try sum()))
            } else if isName("not"), next.kind == .name("in") {
                advance()
                advance()
                rest.append((.isNotIn, try sum()))
            } else {
                return rest.isEmpty ? first : Expression(kind: .compare(first, rest), line: line)
            }
        }
    }

    private mutating func sum() throws(JinjaError) -> Expression {
        let line = current.line
        var result = try concatenation()
        var links = 0
        while isSymbol(.add) || isSymbol(.sub) {
            try link(&links)
            let kind: Arithmetic = isSymbol(.add) ? .add : .sub
            advance()
            result = Expression(kind: .binary(kind, result, try concatenation()), line: line)
        }
        return result
    }

    private mutating func concatenation() throws(JinjaError) -> Expression {
        let line = current.line
        var parts = [try product()]
        while skip(.tilde) { parts.append(try product()) }
        return parts.count == 1 ? parts[0] : Expression(kind: .concat(parts), line: line)
    }

    private static let products: [Token.Symbol: Arithmetic] = [
        .mul: .mul, .div: .div, .floorDiv: .floorDiv, .mod: .mod,
    ]

    private mutating func product() throws(JinjaError) -> Expression {
        let line = current.line
        var result = try power()
        var links = 0
        while case .symbol(let symbol) = current.kind, let kind = Self.products[symbol] {
            try link(&links)
            advance()
            result = Expression(kind: .binary(kind, result, try power()), line: line)
        }
        return result
    }

    private mutating func power() throws(JinjaError) -> Expression {
        let line = current.line
        var result = try unary()
        var links = 0
        while skip(.pow) {
            try link(&links)
            result = Expression(kind: .binary(.pow, result, try unary()), line: line)
        }
        return result
    }

    private mutating func unary(withFilters: Bool = true) throws(JinjaError) -> Expression {
        let line = current.line
        var result: Expression
        if isSymbol(.sub) || isSymbol(.add) {
            let isNegative = isSymbol(.sub)
            advance()
            let inner = try nested { (parser) throws(JinjaError) in try parser.unary(withFilters: false) }
            result = Expression(kind: isNegative ? .negative(inner) : .positive(inner), line: line)
        } else {
            result = try primary()
        }
        result = try postfix(result)
        return withFilters ? try filters(result) : result
    }

    private mutating func primary() throws(JinjaError) -> Expression {
        let token = current
        func made(_ kind: Expression.Kind) -> Expression { Expression(kind: kind, line: token.line) }
        switch token.kind {
        case .name(let name):
            advance()
            switch name {
            case "true", "True": return made(.constant(.bool(true)))
            case "false", "False": return made(.constant(.bool(false)))
            case "none", "None": return made(.constant(.none))
            default:
                read[read.count - 1].insert(name)
                return made(.name(name))
            }
        case .string(var text):
            advance()
            while case .string(let more) = current.kind {
                text += more
                advance()
            }
            return made(.constant(.string(text)))
        case .integer(let value):
            advance()
            return made(.constant(.int(value)))
        case .float(let value):
            advance()
            return made(.constant(.float(value)))
        case .symbol(.leftParen):
            advance()
            let result = try tuple(isInParentheses: true)
            try expect(.symbol(.rightParen), ")")
            return result
        case .symbol(.leftBracket):
            advance()
            let items = try list(until: .symbol(.rightBracket))
            advance()
            return made(.list(items))
        case .symbol(.leftBrace):
            advance()
            return made(.dict(try dict()))
        default: throw unexpected("an expression")
        }
    }

    /// Expressions with commas between them, up to `end`, which is not taken.
    mutating func list(until end: Token.Kind) throws(JinjaError) -> [Expression] {
        var items: [Expression] = []
        while current.kind != end {
            if !items.isEmpty { try expect(.symbol(.comma), ",") }
            if current.kind == end { break }
            items.append(try expression())
        }
        return items
    }

    private mutating func dict() throws(JinjaError) -> [(key: Expression, value: Expression)] {
        var items: [(key: Expression, value: Expression)] = []
        while !isSymbol(.rightBrace) {
            if !items.isEmpty { try expect(.symbol(.comma), ",") }
            if isSymbol(.rightBrace) { break }
            let key = try expression()
            try expect(.symbol(.colon), ":")
            items.append((key, try expression()))
        }
        try expect(.symbol(.rightBrace), "}")
        return items
    }

    /// One expression, or several with commas between them.
    mutating func tuple(withConditional: Bool = true, ends: Set<String> = [], isInParentheses: Bool = false)
        throws(JinjaError) -> Expression
    {
        let line = current.line
        return try nested { (parser) throws(JinjaError) in
            var items: [Expression] = []
            var isTuple = false
            while true {
                if !items.isEmpty { try parser.expect(.symbol(.comma), ",") }
                if parser.endsTuple(ends) { break }
                items.append(withConditional ? try parser.expression() : try parser.or())
                guard parser.isSymbol(.comma) else { break }
                isTuple = true
            }
            if !isTuple, let only = items.first { return only }
            guard !items.isEmpty || isInParentheses else { throw parser.unexpected("an expression") }
            return Expression(kind: .tuple(items), line: line)
        }
    }

    private func endsTuple(_ ends: Set<String>) -> Bool {
        switch current.kind {
        case .variableEnd, .blockEnd, .symbol(.rightParen): true
        case .name(let name): ends.contains(name)
        default: false
        }
    }
}

/// What follows a primary expression.
extension Parser {
    private mutating func postfix(_ operand: Expression) throws(JinjaError) -> Expression {
        var result = operand
        var links = 0
        while true {
            try link(&links)
            if isSymbol(.dot) || isSymbol(.leftBracket) {
                result = try subscripted(result)
            } else if isSymbol(.leftParen) {
                result = Expression(kind: .call(result, try arguments()), line: result.line)
            } else {
                return result
            }
        }
    }

    private mutating func filters(_ operand: Expression) throws(JinjaError) -> Expression {
        var result = operand
        var links = 0
        while true {
            try link(&links)
            if isSymbol(.pipe) {
                result = try filterChain(result)
            } else if isName("is") {
                result = try test(result)
            } else if isSymbol(.leftParen) {
                result = Expression(kind: .call(result, try arguments()), line: result.line)
            } else {
                return result
            }
        }
    }

    private mutating func subscripted(_ operand: Expression) throws(JinjaError) -> Expression {
        let line = current.line
        if skip(.dot) {
            if case .integer(let index) = current.kind {
                advance()
                return Expression(
                    kind: .item(operand, Expression(kind: .constant(.int(index)), line: line)), line: line)
            }
            return Expression(kind: .attribute(operand, try expectName()), line: line)
        }
        advance()
        var parts: [Expression] = []
        while !isSymbol(.rightBracket) {
            if !parts.isEmpty { try expect(.symbol(.comma), ",") }
            if parts.isEmpty, let slice = try slice(of: operand, line: line) { return slice }
            parts.append(try expression())
            if parts.count == 1, isSymbol(.colon) { return try slice(of: operand, from: parts[0], line: line) }
        }
        try expect(.symbol(.rightBracket), "]")
        let index = parts.count == 1 ? parts[0] : Expression(kind: .tuple(parts), line: line)
        return Expression(kind: .item(operand, index), line: line)
    }

    private mutating func slice(of operand: Expression, line: Int) throws(JinjaError) -> Expression? {
        isSymbol(.colon) ? try slice(of: operand, from: nil, line: line) : nil
    }

    /// The rest of `[from:to:step]`, from the first colon on.
    private mutating func slice(of operand: Expression, from: Expression?, line: Int) throws(JinjaError) -> Expression {
        advance()
        var end: Expression?
        var step: Expression?
        if !isSymbol(.colon), !isSymbol(.rightBracket) { end = try expression() }
        if skip(.colon), !isSymbol(.rightBracket) { step = try expression() }
        try expect(.symbol(.rightBracket), "]")
        return Expression(kind: .slice(operand, from: from, to: end, step: step), line: line)
    }

    mutating func arguments() throws(JinjaError) -> Arguments {
        var result = Arguments()
        var isFirst = true
        try expect(.symbol(.leftParen), "(")
        while !isSymbol(.rightParen) {
            if !isFirst { try expect(.symbol(.comma), ",") }
            if isSymbol(.rightParen) { break }
            isFirst = false
            if skip(.mul) {
                guard result.spread == nil, result.namedSpread == nil else { throw unexpected("an argument") }
                result.spread = try expression()
            } else if skip(.pow) {
                guard result.namedSpread == nil else { throw unexpected("an argument") }
                result.namedSpread = try expression()
            } else if case .name(let name) = current.kind, next.kind == .symbol(.assign) {
                guard result.namedSpread == nil else { throw unexpected("an argument") }
                advance()
                advance()
                result.named.append((name, try expression()))
            } else {
                guard result.named.isEmpty, result.spread == nil, result.namedSpread == nil else {
                    throw unexpected("a named argument")
                }
                result.positional.append(try expression())
            }
        }
        try expect(.symbol(.rightParen), ")")
        return result
    }

    /// `| name(…) | name…`; with `isFirst`, one without the bar comes first.
    mutating func filterChain(_ operand: Expression?, isFirst: Bool = false) throws(JinjaError) -> Expression {
        var result = operand
        var isStart = isFirst
        var links = 0
        while isStart || isSymbol(.pipe) {
            try link(&links)
            let line = current.line
            if !isStart { advance() }
            isStart = false
            let name = try dottedName()
            guard FilterLibrary.isKnown(name) || conditions > 0 else {
                throw JinjaError(.syntax, line: line, "there is no filter \(name)")
            }
            let arguments = isSymbol(.leftParen) ? try arguments() : Arguments()
            result = Expression(kind: .filter(result, name, arguments), line: line)
        }
        guard let result else { throw unexpected("a filter") }
        return result
    }

    private mutating func dottedName() throws(JinjaError) -> String {
        var name = try expectName()
        while skip(.dot) { name += "." + (try expectName()) }
        return name
    }

    private mutating func test(_ operand: Expression) throws(JinjaError) -> Expression {
        let line = current.line
        advance()
        let isNegated = skip(name: "not")
        let name = try dottedName()
        guard TestLibrary.isKnown(name) || conditions > 0 else {
            throw JinjaError(.syntax, line: line, "there is no test \(name)")
        }
        var arguments = Arguments()
        if isSymbol(.leftParen) {
            arguments = try self.arguments()
        } else if beginsTestArgument {
            guard !isName("is") else { throw JinjaError(.syntax, line: line, "tests cannot be chained with is") }
            arguments.positional = [try nested { (parser) throws(JinjaError) in try parser.postfix(parser.primary()) }]
        }
        let test = Expression(kind: .test(operand, name, arguments), line: line)
        return isNegated ? Expression(kind: .not(test), line: line) : test
    }

    private var beginsTestArgument: Bool {
        switch current.kind {
        case .name(let name): !["else", "or", "and"].contains(name)
        case .string, .integer, .float, .symbol(.leftParen), .symbol(.leftBracket), .symbol(.leftBrace): true
        default: false
        }
    }
}
