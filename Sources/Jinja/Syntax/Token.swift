/// A piece of a template.
struct Token {
    enum Kind: Equatable {
        /// Text outside all tags.
        case data(Text)
        case variableBegin, variableEnd, blockBegin, blockEnd
        case name(String)
        case string(Text)
        case integer(Int)
        case float(Double)
        case symbol(Symbol)
        case end
    }

    enum Symbol: String {
        case add = "+"
        case sub = "-"
        case mul = "*"
        case div = "/"
        case floorDiv = "//"
        case mod = "%"
        case pow = "**"
        case tilde = "~"
        case leftBracket = "["
        case rightBracket = "]"
        case leftParen = "("
        case rightParen = ")"
        case leftBrace = "{"
        case rightBrace = "}"
        case equal = "=="
        case notEqual = "!="
        case greater = ">"
        case greaterEqual = ">="
        case less = "<"
        case lessEqual = "<="
        case assign = "="
        case dot = "."
        case colon = ":"
        case pipe = "|"
        case comma = ","
        case semicolon = ";"
    }

    var kind: Kind
    var line: Int

    /// For messages.
    var word: String {
        switch kind {
        case .data: "text"
        case .variableBegin: "{{"
        case .variableEnd: "}}"
        case .blockBegin: "{%"
        case .blockEnd: "%}"
        case .name(let name): name
        case .string(let text): "'\(text.string)'"
        case .integer(let value): "\(value)"
        case .float(let value): "\(value)"
        case .symbol(let symbol): symbol.rawValue
        case .end: "the template's end"
        }
    }
}
