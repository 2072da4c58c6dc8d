public import Protocol

/// Log-probabilities of one sequence's scored tokens, in order.
public struct SequenceScore: Sendable, Equatable {
    public var logProbabilities: [Float]
    /// Whether each scored token was the most likely one.
    public var greedy: [Bool]

    public init(logProbabilities: [Float], greedy: [Bool]) {
        self.logProbabilities = logProbabilities
        self.greedy = greedy
    }

    /// Σ log p, in f64.
    public var sum: Double { logProbabilities.reduce(0) { $0 + Double($1) } }
    /// Mean log p; `nil` where nothing is scored.
    public var mean: Double? { logProbabilities.isEmpty ? nil : sum / Double(logProbabilities.count) }

    /// Cuts a job's flat list, sequence by sequence, as a stage reports it.
    /// - Returns: `nil` where the counts do not fit the sequences.
    public static func split(
        logProbabilities: [Float], greedy: [Bool], over sequences: [TokenSequence]
    ) -> [SequenceScore]? {
        let counts = sequences.map { $0.tokens.count - $0.scoredFrom }
        let total = counts.reduce(0, +)
        guard counts.allSatisfy({ $0 >= 0 }), total == logProbabilities.count, total == greedy.count else { return nil }
        var start = 0
        return counts.map { count in
            defer { start += count }
            return SequenceScore(
                logProbabilities: Array(logProbabilities[start..<start + count]),
                greedy: Array(greedy[start..<start + count]))
        }
    }
}

/// Turns text into tokens, without adding any of its own.
public typealias Encode = (String) throws -> [Int32]
