/// How far an edited model's first token is from the unedited one's.
package enum FirstTokenKL: String, Sendable, CaseIterable {
    /// KL itself, as heretic computes it.
    case exact
    /// With the ε of refusal_direction.
    case refusalDirection = "refusal_direction"

    /// Added to every probability inside the logarithms.
    package var epsilon: Double { self == .exact ? 0 : 1e-6 }

    package var title: String { self == .exact ? "no epsilon" : "epsilon 1e-6, as refusal_direction has it" }
}

/// Which tokens begin a refusal.
package enum RefusalTokenPlan: Sendable, Equatable {
    /// Those that begin the unedited model's own refusals (`RefusalTokens.frequent`).
    case own
    case given([Token])

    package enum Token: Sendable, Equatable {
        case id(Int32)
        /// A text that is one token.
        case text(String)
    }

    /// Words of a command line: `auto`, or tokens by number or text.
    /// - Returns: `nil` where there are none.
    package init?(words: [String]) {
        guard !words.isEmpty else { return nil }
        self = words == ["auto"] ? .own : .given(words.map { word in Int32(word).map { Token.id($0) } ?? .text(word) })
    }
}
