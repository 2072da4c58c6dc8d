/// One step of making text of tokens: it changes the list of their spellings (UTF-8), as the `tokenizers` library's
/// decoders do.
enum TokenDecoder: Sendable, Equatable {
    /// All spellings together as bytes in GPT-2's alphabet; a token with other scalars stands for itself. Every longest
    /// start of a broken sequence becomes one U+FFFD.
    case byteLevel
    /// Runs of `<0xNN>` as UTF-8; each byte of a run that is none becomes U+FFFD.
    case byteFallback
    case fuse
    case replace([UInt8], with: [UInt8])
    /// Up to `count` times `mark` off the start of every spelling.
    case strip(mark: [UInt8], count: Int)
    /// `mark` becomes a space, in the first token nothing where `dropsFirst`.
    case metaspace(mark: [UInt8], dropsFirst: Bool)

    private static let replacement = Array("\u{FFFD}".utf8)

    func apply(_ tokens: [[UInt8]]) -> [[UInt8]] {
        switch self {
        case .byteLevel:
            let bytes = tokens.flatMap { ByteAlphabet.decode($0) ?? $0 }
            return [Array(String(decoding: bytes, as: UTF8.self).utf8)]
        case .byteFallback: return Self.bytesFallBack(tokens)
        case .fuse: return [Array(tokens.joined())]
        case .replace(let pattern, let content):
            return tokens.map { Self.replacing(pattern, in: $0, with: content) }
        case .strip(let mark, let count):
            return tokens.map { token in
                var rest = token[...]
                for _ in 0..<count where rest.starts(with: mark) { rest = rest.dropFirst(mark.count) }
                return Array(rest)
            }
        case .metaspace(let mark, let dropsFirst):
            return tokens.enumerated().map { index, token in
                Self.replacing(mark, in: token, with: index == 0 && dropsFirst ? [] : [0x20])
            }
        }
    }

    private static func bytesFallBack(_ tokens: [[UInt8]]) -> [[UInt8]] {
        var result: [[UInt8]] = []
        var run: [UInt8] = []
        func flush() {
            guard !run.isEmpty else { return }
            if String(validating: run, as: UTF8.self) != nil {
                result.append(run)
            } else {
                result += Array(repeating: replacement, count: run.count)
            }
            run = []
        }
        for token in tokens {
            if let byte = byte(token) {
                run.append(byte)
            } else {
                flush()
                result.append(token)
            }
        }
        flush()
        return result
    }

    /// The byte that `<0xNN>` spells.
    private static func byte(_ token: [UInt8]) -> UInt8? {
        guard token.count == 6, token.starts(with: Array("<0x".utf8)), token[5] == UInt8(ascii: ">") else { return nil }
        return UInt8(String(decoding: token[3..<5], as: UTF8.self), radix: 16)
    }

    private static func replacing(_ pattern: [UInt8], in token: [UInt8], with content: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var index = 0
        while index < token.count {
            if token[index...].starts(with: pattern) {
                result += content
                index += pattern.count
            } else {
                result.append(token[index])
                index += 1
            }
        }
        return result
    }
}
