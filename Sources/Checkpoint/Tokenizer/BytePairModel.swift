import Tensors

/// Byte-pair encoding (Sennrich et al. 2016): the pair of lowest rank merges first, the leftmost among equals.
struct BytePairModel: Sendable {
    struct Merge: Sendable {
        var rank: Int32
        var id: Int32
    }

    enum Symbols: Sendable, Equatable {
        /// Words begin as bytes.
        case bytes
        /// Words begin as scalars; those without a token as their bytes' tokens, if there are such (SentencePiece).
        case scalars(byteFallback: Bool)
    }

    var symbols: Symbols
    /// Token numbers by the bytes the token stands for.
    var vocabulary: [ByteString: Int32]
    /// By left token << 32 | right token.
    var merges: [UInt64: Merge]
    /// A whole word that is a token is not taken apart (Llama 3).
    var ignoreMerges = false
    var unknown: Int32? = nil
    var fuseUnknown = false
    /// Token of each single byte (`.bytes`), or of `<0xNN>` (`.scalars`).
    private var byteTokens: [Int32?] = []

    init(symbols: Symbols, vocabulary: [ByteString: Int32], merges: [UInt64: Merge]) {
        self.symbols = symbols
        self.vocabulary = vocabulary
        self.merges = merges
        let digits = Array("0123456789ABCDEF".utf8)
        byteTokens = (0..<256).map { byte in
            switch symbols {
            case .bytes: vocabulary[ByteString([UInt8(byte)])]
            case .scalars:
                vocabulary[ByteString(Array("<0x".utf8) + [digits[byte >> 4], digits[byte & 15]] + Array(">".utf8))]
            }
        }
    }

    static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    /// Appends the tokens of one word.
    func encode(_ word: [Unicode.Scalar], into result: inout [Int32]) {
        var tokens: [Int32] = []
        switch symbols {
        case .bytes:
            var bytes: [UInt8] = []
            bytes.reserveCapacity(word.count)
            for scalar in word { bytes.append(contentsOf: UTF8.encode(scalar)!) }
            if ignoreMerges, let whole = vocabulary[ByteString(bytes)] {
                result.append(whole)
                return
            }
            tokens.reserveCapacity(bytes.count)
            for byte in bytes { append(byteTokens[Int(byte)], to: &tokens) }
        case .scalars(let byteFallback):
            if ignoreMerges, let whole = vocabulary[ByteString(word.flatMap { Array(UTF8.encode($0)!) })] {
                result.append(whole)
                return
            }
            for scalar in word {
                let bytes = Array(UTF8.encode(scalar)!)
                if let token = vocabulary[ByteString(bytes)] {
                    tokens.append(token)
                } else if byteFallback, bytes.allSatisfy({ byteTokens[Int($0)] != nil }) {
                    for byte in bytes { tokens.append(byteTokens[Int(byte)]!) }
                } else {
                    append(nil, to: &tokens)
                }
            }
        }
        if tokens.count <= 48 { mergeShort(&tokens) } else { mergeLong(&tokens) }
        result.append(contentsOf: tokens)
    }

    private func append(_ token: Int32?, to tokens: inout [Int32]) {
        guard let token = token ?? unknown else { return }
        if fuseUnknown, token == unknown, tokens.last == unknown { return }
        tokens.append(token)
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
