/// One step of changing text before it is cut.
enum Normalizer: Sendable, Equatable {
    /// Unicode normalisation forms.
    case nfc, nfd
    case prepend([Unicode.Scalar])
    case replace([Unicode.Scalar], with: [Unicode.Scalar])

    func apply(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        switch self {
        case .nfc: return CanonicalForm.shared.composed(text)
        case .nfd: return CanonicalForm.shared.decomposed(text)
        case .prepend(let prefix): return text.isEmpty ? text : prefix + text
        case .replace(let pattern, let replacement):
            if pattern.count == 1 { return text.flatMap { $0 == pattern[0] ? replacement : [$0] } }
            var result: [Unicode.Scalar] = []
            var index = 0
            while index < text.count {
                if text[index...].starts(with: pattern) {
                    result += replacement
                    index += pattern.count
                } else {
                    result.append(text[index])
                    index += 1
                }
            }
            return result
        }
    }
}
