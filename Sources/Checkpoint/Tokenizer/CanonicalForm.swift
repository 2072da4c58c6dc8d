/// Unicode's canonical normalisation forms C and D (UAX #15), over the tables of the `tokenizers` library.
///
/// Its Unicode is older than Foundation's and Swift's, and Foundation composes wrongly above U+FFFF.
package struct CanonicalForm: Sendable {
    package static let shared = CanonicalForm()

    /// Whole decompositions, in order; Hangul syllables are computed.
    private let parts: [UInt32: [UInt32]]
    private let classes: [UInt32: UInt8]
    /// By first part << 32 | second part.
    private let wholes: [UInt64: UInt32]

    private init() {
        var single: [UInt32: [UInt32]] = [:]
        var wholes: [UInt64: UInt32] = [:]
        for entry in CanonicalTables.decompositions.split(whereSeparator: \.isWhitespace) {
            let mark = entry.firstIndex { $0 == "=" || $0 == ">" }!
            let whole = UInt32(entry[..<mark], radix: 16)!
            let parts = entry[entry.index(after: mark)...].split(separator: "+").map { UInt32($0, radix: 16)! }
            single[whole] = parts
            if entry[mark] == "=" { wholes[UInt64(parts[0]) << 32 | UInt64(parts[1])] = whole }
        }
        func whole(_ code: UInt32) -> [UInt32] { single[code].map { $0.flatMap(whole) } ?? [code] }
        parts = Dictionary(uniqueKeysWithValues: single.keys.map { ($0, whole($0)) })
        var classes: [UInt32: UInt8] = [:]
        for entry in CanonicalTables.classes.split(whereSeparator: \.isWhitespace) {
            let colon = entry.firstIndex(of: ":")!
            let ends = entry[..<colon].split(separator: "-").map { UInt32($0, radix: 16)! }
            for code in ends[0]...ends[ends.count - 1] { classes[code] = UInt8(entry[entry.index(after: colon)...])! }
        }
        self.classes = classes
        self.wholes = wholes
    }

    /// Form D: decomposed, marks in the order of their classes.
    package func decomposed(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] { scalars(codes(text)) }

    /// Form C: form D, composed again.
    package func composed(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        // Nothing below U+0300 composes or decomposes in form C.
        if text.allSatisfy({ $0.value < 0x300 }) { return text }
        var result: [UInt32] = []
        var starter: Int?
        /// Class of the last scalar kept after the starter; `nil` where it follows directly.
        var last: UInt8?
        for code in codes(text) {
            let order = classes[code] ?? 0
            if let starter, last.map({ $0 < order }) ?? true, let whole = whole(result[starter], code) {
                result[starter] = whole
                continue
            }
            if order == 0 {
                starter = result.count
                last = nil
            } else {
                last = order
            }
            result.append(code)
        }
        return scalars(result)
    }

    private func scalars(_ codes: [UInt32]) -> [Unicode.Scalar] { codes.map { Unicode.Scalar($0)! } }

    private func codes(_ text: [Unicode.Scalar]) -> [UInt32] {
        var result: [UInt32] = []
        result.reserveCapacity(text.count)
        for scalar in text {
            if Hangul.syllables.contains(scalar.value) {
                result += Hangul.parts(scalar.value)
            } else if let parts = parts[scalar.value] {
                result += parts
            } else {
                result.append(scalar.value)
            }
        }
        order(&result)
        return result
    }

    /// Sorts every run of marks by class; equal classes keep their order.
    private func order(_ codes: inout [UInt32]) {
        var start = 0
        while start < codes.count {
            guard classes[codes[start]] != nil else {
                start += 1
                continue
            }
            var end = start + 1
            while end < codes.count, classes[codes[end]] != nil { end += 1 }
            if end - start > 1 {
                let run = codes[start..<end].enumerated().sorted {
                    (classes[$0.element]!, $0.offset) < (classes[$1.element]!, $1.offset)
                }
                codes.replaceSubrange(start..<end, with: run.map(\.element))
            }
            start = end
        }
    }

    private func whole(_ first: UInt32, _ second: UInt32) -> UInt32? {
        wholes[UInt64(first) << 32 | UInt64(second)] ?? Hangul.whole(first, second)
    }
}

/// Hangul syllables and their letters (The Unicode Standard, section 3.12).
private enum Hangul {
    static let syllables: Range<UInt32> = 0xAC00..<0xD7A4
    private static let leading: Range<UInt32> = 0x1100..<0x1113
    private static let vowels: Range<UInt32> = 0x1161..<0x1176
    private static let trailing: Range<UInt32> = 0x11A8..<0x11C3

    static func parts(_ syllable: UInt32) -> [UInt32] {
        let index = syllable - syllables.lowerBound
        let pair = [leading.lowerBound + index / 588, vowels.lowerBound + index % 588 / 28]
        return index % 28 == 0 ? pair : pair + [trailing.lowerBound + index % 28 - 1]
    }

    static func whole(_ first: UInt32, _ second: UInt32) -> UInt32? {
        if leading.contains(first), vowels.contains(second) {
            return syllables.lowerBound
                + ((first - leading.lowerBound) * 21 + second - vowels.lowerBound) * 28
        }
        if syllables.contains(first), (first - syllables.lowerBound) % 28 == 0, trailing.contains(second) {
            return first + second - trailing.lowerBound + 1
        }
        return nil
    }
}
