import Tensors

/// The regular expressions by which byte-level tokenizers cut text into words, as hand-written scanners.
enum SplitPattern: Sendable, Equatable {
    /// GPT-2's; contractions in lower case only.
    case gpt2
    /// Llama 3's (up to three digits a word) and Qwen2's (one).
    case modern(maximumDigits: Int)

    /// Recognises the patterns as they stand in `tokenizer.json` files.
    init?(regex: String) {
        let head = #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"#
        let tail = #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
        switch regex {
        case #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#,
            #"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#:
            self = .gpt2
        case head + #"\p{N}{1,3}"# + tail: self = .modern(maximumDigits: 3)
        case head + #"\p{N}"# + tail: self = .modern(maximumDigits: 1)
        default: return nil
        }
    }

    /// The pattern's spelling in a `tokenizer.json`.
    var regex: String {
        switch self {
        case .gpt2: #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
        case .modern(let digits):
            #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"# + (digits == 3 ? "{1,3}" : "")
                + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
        }
    }

    /// Cuts `text` into words; every scalar ends up in exactly one.
    func split(_ text: ArraySlice<Unicode.Scalar>) -> [Range<Int>] {
        let scanner = Scanner(text: text, classes: text.map { ScalarClass($0) })
        var words: [Range<Int>] = []
        var position = text.startIndex
        while position < text.endIndex {
            let end =
                switch self {
                case .gpt2: scanner.gpt2(position)
                case .modern(let digits): scanner.modern(position, maximumDigits: digits)
                }
            words.append(position..<end)
            position = end
        }
        return words
    }
}

/// Each method answers where the word that begins at a position ends. The order of the cases is the patterns'.
private struct Scanner {
    let text: ArraySlice<Unicode.Scalar>
    let classes: [ScalarClass]

    private func kind(_ index: Int) -> ScalarClass? { index < text.endIndex ? classes[index - text.startIndex] : nil }
    private func isNewline(_ index: Int) -> Bool {
        index < text.endIndex && (text[index] == "\n" || text[index] == "\r")
    }

    private func run(of wanted: ScalarClass, from start: Int, limit: Int = .max) -> Int {
        var end = start
        while end - start < limit, kind(end) == wanted { end += 1 }
        return end
    }

    func gpt2(_ start: Int) -> Int {
        if let end = contraction(start, anyCase: false) { return end }
        let word = text[start] == " " ? start + 1 : start
        if let kind = kind(word), kind != .space { return run(of: kind, from: word) }
        return space(start)
    }

    func modern(_ start: Int, maximumDigits: Int) -> Int {
        if let end = contraction(start, anyCase: true) { return end }
        let first = kind(start)!
        if first == .letter { return run(of: .letter, from: start) }
        if first != .number, !isNewline(start), kind(start + 1) == .letter { return run(of: .letter, from: start + 1) }
        if first == .number { return run(of: .number, from: start, limit: maximumDigits) }
        let word = text[start] == " " ? start + 1 : start
        if kind(word) == .other {
            var end = run(of: .other, from: word)
            while isNewline(end) { end += 1 }
            return end
        }
        // \s*[\r\n]+ reaches to the last line end of the white space.
        let end = run(of: .space, from: start)
        if let newline = (start..<end).last(where: isNewline) { return newline + 1 }
        return space(start)
    }

    /// `\s+(?!\S)|\s+`: white space but for its last scalar, which belongs to the word that follows.
    private func space(_ start: Int) -> Int {
        let end = run(of: .space, from: start)
        return end == text.endIndex || end - start == 1 ? end : end - 1
    }

    /// `'s|'t|'re|'ve|'m|'ll|'d`
    private func contraction(_ start: Int, anyCase: Bool) -> Int? {
        guard text[start] == "'" else { return nil }
        func letter(_ offset: Int) -> Unicode.Scalar? {
            guard start + offset < text.endIndex else { return nil }
            let scalar = text[start + offset]
            guard anyCase else { return scalar }
            if scalar == "\u{17F}" { return "s" }  // the long s folds to s
            return ("A"..."Z").contains(scalar) ? Unicode.Scalar(scalar.value + 32)! : scalar
        }
        switch (letter(1), letter(2)) {
        case ("s", _), ("t", _), ("m", _), ("d", _): return start + 2
        case ("r", "e"), ("v", "e"), ("l", "l"): return start + 3
        default: return nil
        }
    }
}
