/// A token that is matched in the text itself, before it is cut into words.
struct AddedToken: Sendable, Equatable {
    var id: Int32
    var content: [Unicode.Scalar]
    /// Left out of decoded text on demand (control tokens).
    var special = true
    /// Matched only where no letter, digit or underscore touches it.
    var singleWord = false
    /// Takes the white space before it, or after it, with it.
    var stripsLeft = false, stripsRight = false
    /// Matched after normalisation.
    var normalized = false
}

/// Finds added tokens: the leftmost match, and of several there the longest.
struct AddedTokens: Sendable {
    enum Piece: Equatable {
        case text(Range<Int>)
        case token(Int32)
    }

    private let byFirst: [Unicode.Scalar: [AddedToken]]

    init(_ tokens: [AddedToken]) {
        byFirst = Dictionary(grouping: tokens.filter { !$0.content.isEmpty }) { $0.content[0] }
            .mapValues { $0.sorted { $0.content.count > $1.content.count } }
    }

    /// - Parameter trusted: whether a special token's spelling at that place is the token, or ordinary text.
    func split(_ text: [Unicode.Scalar], trusted: (Range<Int>) -> Bool) -> [Piece] {
        guard !byFirst.isEmpty else { return text.isEmpty ? [] : [.text(0..<text.count)] }
        var pieces: [Piece] = []
        var done = 0
        var position = 0
        while position < text.count {
            guard let token = byFirst[text[position]]?.first(where: { text[position...].starts(with: $0.content) })
            else {
                position += 1
                continue
            }
            var start = position
            var end = position + token.content.count
            // The search goes on behind the match itself, even where the token takes white space with it.
            position = end
            if token.special, !trusted(start..<end) { continue }
            if token.singleWord, touchesWord(text, before: start) || touchesWord(text, after: end) { continue }
            if token.stripsLeft {
                while start > 0, ScalarClass(text[start - 1]) == .space { start -= 1 }
                start = max(start, done)
            }
            if token.stripsRight { while end < text.count, ScalarClass(text[end]) == .space { end += 1 } }
            // The token before may have taken all of it as its white space.
            guard start < end else { continue }
            if start > done { pieces.append(.text(done..<start)) }
            pieces.append(.token(token.id))
            done = end
        }
        if done < text.count { pieces.append(.text(done..<text.count)) }
        return pieces
    }

    private func touchesWord(_ text: [Unicode.Scalar], before index: Int) -> Bool {
        index > 0 && isWord(text[index - 1])
    }
    private func touchesWord(_ text: [Unicode.Scalar], after index: Int) -> Bool {
        index < text.count && isWord(text[index])
    }
    private func isWord(_ scalar: Unicode.Scalar) -> Bool {
        let properties = scalar.properties
        return properties.isAlphabetic || properties.numericType == .decimal || scalar == "_"
            || [.nonspacingMark, .spacingMark, .enclosingMark, .connectorPunctuation].contains(
                properties.generalCategory)
            || properties.isJoinControl
    }
}
