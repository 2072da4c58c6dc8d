/// One step of cutting normalised text into the words that byte-pair merges never cross.
enum PreTokenizer: Sendable, Equatable {
    case split(SplitPattern)
    /// Digits apart from the rest: each alone, or in runs.
    case digits(individual: Bool)
    /// A space is put before each piece if asked for, pieces are cut by GPT-2's pattern if asked for, and their bytes
    /// become scalars of the byte alphabet, which is what later steps see.
    case byteLevel(prefixSpace: Bool, splits: Bool)
    /// Spaces become ▁, and one is put before the text.
    case metaspace(prefix: PrefixScheme, split: Bool)

    enum PrefixScheme: Sendable, Equatable { case always, first, never }

    static let underscore: Unicode.Scalar = "\u{2581}"

    /// - Parameter atStart: the piece begins where the whole text begins.
    func apply(_ pieces: [[Unicode.Scalar]], atStart: Bool) -> [[Unicode.Scalar]] {
        var result: [[Unicode.Scalar]] = []
        for (index, piece) in pieces.enumerated() {
            switch self {
            case .split(let pattern): result += pattern.split(piece[...]).map { Array(piece[$0]) }
            case .digits(let individual): result += Self.digits(piece, individual: individual)
            case .byteLevel(let prefixSpace, let splits):
                let text = prefixSpace && piece.first != " " ? [" "] + piece : piece
                let words = splits ? SplitPattern.gpt2.split(text[...]) : [text.indices]
                result += words.map { ByteAlphabet.encode(text[$0]) }
            case .metaspace(let prefix, let split):
                var text = piece.map { $0 == " " ? Self.underscore : $0 }
                let wanted = prefix == .always || (prefix == .first && atStart && index == 0)
                if wanted, text.first != Self.underscore { text.insert(Self.underscore, at: 0) }
                result += split ? Self.words(text) : [text]
            }
        }
        return result
    }

    private static func digits(_ text: [Unicode.Scalar], individual: Bool) -> [[Unicode.Scalar]] {
        var result: [[Unicode.Scalar]] = []
        var previous: Bool?
        for scalar in text {
            let isDigit = ScalarClass.isNumeric(scalar)
            if previous == isDigit, !(isDigit && individual) {
                result[result.count - 1].append(scalar)
            } else {
                result.append([scalar])
            }
            previous = isDigit
        }
        return result
    }

    /// Cuts before every ▁.
    private static func words(_ text: [Unicode.Scalar]) -> [[Unicode.Scalar]] {
        var result: [[Unicode.Scalar]] = []
        for scalar in text {
            if scalar == underscore || result.isEmpty {
                result.append([scalar])
            } else {
                result[result.count - 1].append(scalar)
            }
        }
        return result
    }
}
