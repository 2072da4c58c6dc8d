/// The classes that the pre-tokenizers' patterns tell apart.
enum ScalarClass: UInt8 {
    /// `\p{L}`
    case letter
    /// `\p{N}`
    case number
    /// `\s`
    case space
    /// Everything else: `[^\s\p{L}\p{N}]`.
    case other

    private static let ascii: [ScalarClass] = (0..<128).map { unicode(Unicode.Scalar(UInt8($0))) }

    init(_ scalar: Unicode.Scalar) {
        self = scalar.isASCII ? Self.ascii[Int(scalar.value)] : Self.unicode(scalar)
    }

    private static func unicode(_ scalar: Unicode.Scalar) -> ScalarClass {
        // The patterns' own engine in `tokenizers` knows Unicode 16; Swift may know a later one.
        guard let age = scalar.properties.age, age.major <= 16 else { return .other }
        return switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: .letter
        case .decimalNumber, .letterNumber, .otherNumber: .number
        default: scalar.properties.isWhitespace ? .space : .other
        }
    }

    /// Whether Rust calls the scalar numeric, of whatever age it is (the step `Digits`).
    static func isNumeric(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .decimalNumber, .letterNumber, .otherNumber: true
        default: false
        }
    }
}
