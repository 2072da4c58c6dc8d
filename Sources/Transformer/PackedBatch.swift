import Tensors

/// Where the sequences of a packed batch lie, and which rows are scored.
///
/// Rows are token positions of all sequences one after the other, without padding. Built from the batch alone, so every
/// stage derives the same layout.
public struct PackedBatch: Sendable {
    public struct Span: Sendable {
        /// Rows of this sequence's own tokens.
        public let rows: Range<Int>
        /// Rows of the earlier sequence that this one continues; empty where it stands alone.
        public let prefix: Range<Int>
        /// Which class of examples it is one of.
        public let group: Int
        /// First scored row *as an input* (Wanda's and ActSVD's positions: response tokens, no shift).
        public let responseRows: Range<Int>

        /// The row of a prompt token counted from the prompt's end, 1 being the last; it lies in the prefix where the
        /// sequence's own tokens do not reach so far. `nil`: the prompt is shorter.
        public func promptRow(fromEnd count: Int) -> Int? {
            let own = responseRows.lowerBound - rows.lowerBound
            if count <= own { return responseRows.lowerBound - count }
            let row = prefix.upperBound - (count - own)
            return prefix.contains(row) ? row : nil
        }
    }

    /// One prediction: the row whose output is read, and the token it should give.
    public struct Target: Sendable {
        public let row: Int
        public let token: Int32
        public let sequence: Int
    }

    public let tokens: [Int32]
    /// Position of each row in its own sequence (prefix included).
    public let positions: [Int32]
    public let spans: [Span]
    /// Sequences that no other continues: a shared beginning is no example of its own.
    public var examples: [Span] {
        let shared = Set(spans.filter { !$0.prefix.isEmpty }.map(\.prefix.lowerBound))
        return spans.filter { !shared.contains($0.rows.lowerBound) }
    }
    /// All predictions, sequence by sequence.
    public let targets: [Target]
    /// Rows whose residual stream the stage's `ResidualWrite` changes, ascending.
    public let written: [Int]
    /// Rows that it changes the opposite way, ascending; none of them is in `written`.
    public let opposed: [Int]
    var isWritten: Bool { !written.isEmpty || !opposed.isEmpty }
    public var rowCount: Int { tokens.count }

    /// - Parameters:
    ///   - groups: the sequences' classes; all are of class 0 where empty.
    ///   - firstWritten: the first position of every sequence whose residual stream is changed, `nil`: none; none at all where
    ///     empty.
    ///   - isOpposed: of every sequence whether it is changed the opposite way; none is where empty.
    /// - Throws: `StageError.badBatch` where a sequence is empty, a prefix is not an earlier plain sequence, or a scored
    ///   token has nothing before it.
    public init(
        _ sequences: [(tokens: [Int32], scoredFrom: Int, prefix: Int?)], groups: [Int] = [],
        firstWritten: [Int?] = [], isOpposed: [Bool] = []
    ) throws {
        var tokens: [Int32] = []
        var positions: [Int32] = []
        var spans: [Span] = []
        var targets: [Target] = []
        for (number, sequence) in sequences.enumerated() {
            let count = sequence.tokens.count
            guard count > 0 else { throw StageError.badBatch("sequence \(number) is empty") }
            guard (0...count).contains(sequence.scoredFrom) else {
                throw StageError.badBatch("sequence \(number) is scored from \(sequence.scoredFrom) of \(count) tokens")
            }
            let start = tokens.count
            var prefix = 0..<0
            if let parent = sequence.prefix {
                guard parent >= 0, parent < number, spans[parent].prefix.isEmpty else {
                    throw StageError.badBatch(
                        "sequence \(number) continues \(parent), which is not an earlier plain sequence")
                }
                prefix = spans[parent].rows
            }
            for (i, token) in sequence.tokens.enumerated() {
                tokens.append(token)
                positions.append(Int32(prefix.count + i))
                guard i >= sequence.scoredFrom else { continue }
                if i > 0 {
                    targets.append(Target(row: start + i - 1, token: token, sequence: number))
                } else if !prefix.isEmpty {
                    targets.append(Target(row: prefix.upperBound - 1, token: token, sequence: number))
                } else {
                    throw StageError.badBatch(
                        "sequence \(number): its first token cannot be scored, nothing precedes it")
                }
            }
            spans.append(
                Span(
                    rows: start..<start + count, prefix: prefix, group: groups.isEmpty ? 0 : groups[number],
                    responseRows: start + sequence.scoredFrom..<start + count))
        }
        self.tokens = tokens
        self.positions = positions
        self.spans = spans
        self.targets = targets
        var changed: (written: [Int], opposed: [Int]) = ([], [])
        for (number, (span, first)) in zip(spans, firstWritten).enumerated() {
            guard let first else { continue }
            let rows = span.rows.filter { Int(positions[$0]) >= first }
            if !isOpposed.isEmpty, isOpposed[number] { changed.opposed += rows } else { changed.written += rows }
        }
        (written, opposed) = changed
    }

    /// Single rows at given positions, for decode steps: no spans, no targets.
    init(rows tokens: [Int32], positions: [Int32], firstWritten: [Int?], isOpposed: [Bool] = []) {
        self.tokens = tokens
        self.positions = positions
        spans = []
        targets = []
        let changed = firstWritten.indices.filter { row in
            firstWritten[row].map { Int(positions[row]) >= $0 } ?? false
        }
        opposed = isOpposed.isEmpty ? [] : changed.filter { isOpposed[$0] }
        written = isOpposed.isEmpty ? changed : changed.filter { !isOpposed[$0] }
    }
}

/// What a stage cannot do with what it was given.
public enum StageError: Error, CustomStringConvertible {
    case badBatch(String)
    case badToken(Int32, vocabulary: Int)
    case missingTensor(String)
    case notFinite(String)
    case badWeight(BadWeight)

    public var description: String {
        switch self {
        case .badBatch(let what): "bad batch: \(what)"
        case .badToken(let token, let vocabulary): "token \(token) is outside the vocabulary of \(vocabulary)"
        case .missingTensor(let name): "the checkpoint has no tensor \(name)"
        case .notFinite(let what): "\(what) \(NotFinite.phrase): the weights or an edit overflow"
        case .badWeight(let bad):
            "\(bad.file.map { "\($0): " } ?? "")tensor \(bad.tensor): the weight at row \(bad.row)\(bad.column.map { ", column \($0)" } ?? "") is \(bad.value), no finite number: the checkpoint is damaged"
        }
    }
}
