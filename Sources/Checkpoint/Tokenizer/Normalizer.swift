import Foundation

/// One step of changing text before it is cut.
enum Normalizer: Sendable, Equatable {
    /// Unicode normalisation form C.
    case nfc
    case prepend([Unicode.Scalar])
    case replace([Unicode.Scalar], with: [Unicode.Scalar])

    func apply(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        switch self {
        case .nfc:
            // Nothing below U+0300 composes or decomposes in form C.
            if text.allSatisfy({ $0.value < 0x300 }) { return text }
            var string = String.UnicodeScalarView()
            string.append(contentsOf: text)
            return Array(String(string).precomposedStringWithCanonicalMapping.unicodeScalars)
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
