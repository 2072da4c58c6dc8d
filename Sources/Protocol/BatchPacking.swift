/// Sequences that have to share a batch: a prefix and its continuations, or one plain sequence.
public struct SequenceGroup: Sendable, Equatable {
    /// What it is called in errors.
    public var name: String
    /// `prefix` counts inside the group.
    public var sequences: [TokenSequence]
    public var tokenCount: Int { sequences.reduce(0) { $0 + $1.tokens.count } }

    public init(name: String, sequences: [TokenSequence]) {
        self.name = name
        self.sequences = sequences
    }

    /// Plain sequences as groups that run what all of them begin with once, as a first sequence of its own; as many in a
    /// group as `maximumTokens` holds. Scored tokens are never shared.
    public static func sharingPrefix(_ sequences: [TokenSequence], name: String, maximumTokens: Int) -> [SequenceGroup]
    {
        guard let first = sequences.first else { return [] }
        let limit = sequences.map { min($0.scoredFrom, $0.tokens.count - 1) }.min()!
        let common = CommonPrefix.length(sequences.map(\.tokens), atMost: limit)
        guard common > 0 else { return sequences.map { SequenceGroup(name: name, sequences: [$0]) } }
        let head = TokenSequence(tokens: Array(first.tokens.prefix(common)), scoredFrom: common)
        var groups: [SequenceGroup] = []
        var tokens = Int.max
        for sequence in sequences {
            let rest = sequence.tokens.count - common
            if tokens > maximumTokens - rest {
                groups.append(SequenceGroup(name: name, sequences: [head]))
                tokens = common
            }
            groups[groups.count - 1].sequences.append(
                TokenSequence(
                    tokens: Array(sequence.tokens.dropFirst(common)), scoredFrom: sequence.scoredFrom - common,
                    prefix: 0, group: sequence.group))
            tokens += rest
        }
        return groups
    }
}

/// The tokens that several sequences begin with alike: mostly a chat template and its system prompt.
public enum CommonPrefix {
    public static func length(_ sequences: [[Int32]], atMost limit: Int) -> Int {
        guard let first = sequences.first else { return 0 }
        var length = limit
        for sequence in sequences {
            length = zip(first, sequence).prefix(length).prefix { $0 == $1 }.count
        }
        return length
    }
}

/// An example that fits no batch.
public struct PackingError: Error, Sendable, Equatable, CustomStringConvertible {
    public var name: String
    public var tokens: Int
    public var limit: Int

    public init(name: String, tokens: Int, limit: Int) {
        self.name = name
        self.tokens = tokens
        self.limit = limit
    }

    public var description: String {
        "\(name): \(tokens) tokens, a batch holds \(limit); shorten it or raise the batch size"
    }
}

/// Fills batches with whole groups in their order; a function of the examples and the limit alone, never of the fleet.
public enum BatchPacking {
    /// A multiple of 96, so that a full batch ends on a tile of the numeric kernels.
    public static let standardTokens = 2016

    /// Greedy and in order: a batch is closed when the next group does not fit.
    /// - Parameter letsLargeAlone: a group that is larger than a batch makes one of its own.
    /// - Throws: `PackingError` naming the group that is larger than a batch.
    public static func pack(
        _ groups: [SequenceGroup], maximumTokens: Int = standardTokens, letsLargeAlone: Bool = false
    ) throws(PackingError) -> [Batch] {
        var batches: [Batch] = []
        var current = Batch(sequences: [])
        var tokens = 0
        for group in groups {
            let size = group.tokenCount
            guard size <= maximumTokens || letsLargeAlone else {
                throw PackingError(name: group.name, tokens: size, limit: maximumTokens)
            }
            if tokens + size > maximumTokens, tokens > 0 {
                batches.append(current)
                current = Batch(sequences: [])
                tokens = 0
            }
            let base = current.sequences.count
            for var sequence in group.sequences {
                sequence.prefix = sequence.prefix.map { $0 + base }
                current.sequences.append(sequence)
            }
            tokens += size
        }
        if !current.sequences.isEmpty { batches.append(current) }
        return batches
    }

    /// Blocks of `examples` groups each (the last may be smaller), packed apart: no batch spans two blocks.
    /// - Throws: `PackingError` naming the group that is larger than a batch.
    public static func blocks(
        _ groups: [SequenceGroup], examples: Int, maximumTokens: Int = standardTokens
    ) throws(PackingError) -> [[Batch]] {
        precondition(examples > 0, "blocks of \(examples) examples")
        var blocks: [[Batch]] = []
        var start = 0
        while start < groups.count {
            let end = min(groups.count, start + examples)
            blocks.append(try pack(Array(groups[start..<end]), maximumTokens: maximumTokens))
            start = end
        }
        return blocks
    }
}
