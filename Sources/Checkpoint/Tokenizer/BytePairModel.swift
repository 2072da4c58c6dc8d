import Tensors

/// Byte-pair encoding (Sennrich et al. 2016): the pair of lowest rank merges first, the leftmost among equals.
struct BytePairModel: Sendable {
    struct Merge: Sendable {
        var rank: Int32
        var id: Int32
    }

    /// Token numbers by spelling, in UTF-8.
    let vocabulary: [ByteString: Int32]
    /// By left token << 32 | right token.
    let merges: [UInt64: Merge]
    /// Scalars without a token become their bytes' tokens `<0xNN>`, if there are such (SentencePiece).
    var byteFallback = false
    /// A whole word that is a token is not taken apart (Llama 3).
    var ignoreMerges = false
    /// Stands for scalars without a token; without it they are left out.
    var unknown: Int32? = nil
    /// Neighbouring unknown scalars become one token.
    var fuseUnknown = false
    /// Tokens of `<0xNN>`.
    private let byteTokens: [Int32?]
    /// Tokens of the scalars below U+0200, among them the byte alphabet.
    private let first: [Int32?]

    init(vocabulary: [ByteString: Int32], merges: [UInt64: Merge]) {
        self.vocabulary = vocabulary
        self.merges = merges
        let digits = Array("0123456789ABCDEF".utf8)
        byteTokens = (0..<256).map { byte in
            vocabulary[ByteString(Array("<0x".utf8) + [digits[byte >> 4], digits[byte & 15]] + Array(">".utf8))]
        }
        first = (0..<0x200).map { vocabulary[ByteString(String(Unicode.Scalar(UInt32($0))!))] }
    }

    static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    /// Appends the tokens of one word.
    func encode(_ word: [Unicode.Scalar], into result: inout [Int32]) {
        if ignoreMerges, let whole = vocabulary[ByteString(word.flatMap { Array(UTF8.encode($0)!) })] {
            result.append(whole)
            return
        }
        var tokens = symbols(word)
        if tokens.count <= 48 { mergeShort(&tokens) } else { mergeLong(&tokens) }
        result.append(contentsOf: tokens)
    }

    /// The scalars' tokens. An unknown one is written when the next token comes, as in `tokenizers`: byte tokens
    /// overtake it.
    private func symbols(_ word: [Unicode.Scalar]) -> [Int32] {
        var tokens: [Int32] = []
        tokens.reserveCapacity(word.count)
        var waiting = false
        for scalar in word {
            if let token = token(scalar) {
                if waiting { tokens.append(unknown!) }
                waiting = false
                tokens.append(token)
            } else if let bytes = fallback(scalar) {
                tokens += bytes
            } else if let unknown {
                if waiting, !fuseUnknown { tokens.append(unknown) }
                waiting = true
            }
        }
        if waiting { tokens.append(unknown!) }
        return tokens
    }

    private func token(_ scalar: Unicode.Scalar) -> Int32? {
        if scalar.value < 0x200 { return first[Int(scalar.value)] }
        return vocabulary[ByteString(Array(UTF8.encode(scalar)!))]
    }

    private func fallback(_ scalar: Unicode.Scalar) -> [Int32]? {
        guard byteFallback else { return nil }
        var result: [Int32] = []
        for byte in UTF8.encode(scalar)! {
            guard let token = byteTokens[Int(byte)] else { return nil }
            result.append(token)
        }
        return result
    }

    private func mergeShort(_ tokens: inout [Int32]) {
        guard tokens.count > 1 else { return }
        let none = Merge(rank: .max, id: 0)
        var pairs = (0..<tokens.count - 1).map { merges[Self.key(tokens[$0], tokens[$0 + 1])] ?? none }
        while let (index, best) = pairs.enumerated().min(by: { $0.element.rank < $1.element.rank }), best.rank != .max {
            tokens[index] = best.id
            tokens.remove(at: index + 1)
            pairs.remove(at: index)
            if index > 0 { pairs[index - 1] = merges[Self.key(tokens[index - 1], tokens[index])] ?? none }
            if index < pairs.count { pairs[index] = merges[Self.key(tokens[index], tokens[index + 1])] ?? none }
        }
    }

    /// With a heap over a linked list: n log n, for SentencePiece's words, which are whole texts.
    private func mergeLong(_ tokens: inout [Int32]) {
        struct Candidate: Comparable {
            var rank: Int32
            var left: Int32
            var pair: UInt64
            static func < (a: Candidate, b: Candidate) -> Bool { (a.rank, a.left) < (b.rank, b.left) }
        }
        var next = (0..<tokens.count).map { $0 + 1 }
        var previous = (0..<tokens.count).map { $0 - 1 }
        var alive = [Bool](repeating: true, count: tokens.count)
        var heap = MinimumHeap<Candidate>()
        func push(_ left: Int) {
            let right = next[left]
            guard right < tokens.count else { return }
            let pair = Self.key(tokens[left], tokens[right])
            if let merge = merges[pair] { heap.push(Candidate(rank: merge.rank, left: Int32(left), pair: pair)) }
        }
        for left in tokens.indices.dropLast() { push(left) }
        while let best = heap.pop() {
            let left = Int(best.left)
            guard alive[left], next[left] < tokens.count, Self.key(tokens[left], tokens[next[left]]) == best.pair else {
                continue
            }
            let right = next[left]
            tokens[left] = merges[best.pair]!.id
            alive[right] = false
            next[left] = next[right]
            if next[right] < tokens.count { previous[next[right]] = left }
            if previous[left] >= 0 { push(previous[left]) }
            push(left)
        }
        tokens = tokens.indices.filter { alive[$0] }.map { tokens[$0] }
    }
}

/// A binary heap whose least element comes out first.
struct MinimumHeap<Element: Comparable> {
    private var elements: [Element] = []

    mutating func push(_ element: Element) {
        elements.append(element)
        var child = elements.count - 1
        while child > 0, elements[child] < elements[(child - 1) / 2] {
            elements.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func pop() -> Element? {
        guard let first = elements.first else { return nil }
        let last = elements.removeLast()
        guard !elements.isEmpty else { return first }
        elements[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < elements.count && elements[child] < elements[least] {
                least = child
            }
            if least == parent { return first }
            elements.swapAt(parent, least)
            parent = least
        }
    }
}
