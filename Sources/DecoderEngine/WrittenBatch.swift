import Protocol
import Transformer

/// A batch as a stage computes it whose residual stream is changed: from which position on each sequence is changed, and with
/// shared beginnings written out where their rows are not changed alike for all that continue them. It follows from the batch
/// and the edit alone, so all stages have the same.
struct WrittenBatch {
    private(set) var sequences: [TokenSequence] = []
    /// Of every sequence the first position that is changed; `nil`: none is.
    private(set) var firstWritten: [Int?] = []
    /// Of every sequence whether it is changed the opposite way.
    private(set) var isOpposed: [Bool] = []

    init(_ batch: [TokenSequence], _ writer: any ResidualWrite) {
        let own = batch.map { sequence in
            let tokens = Self.beginning(of: sequence, in: batch) + sequence.tokens
            let response = max(0, sequence.tokens.count - sequence.scoredFrom)
            return WrittenFrom(Array(tokens.dropLast(response)), writer)
        }
        /// Where a sequence of the batch went.
        var places: [Int?] = []
        for (index, sequence) in batch.enumerated() {
            let continuing = batch.indices.filter { batch[$0].prefix == index }
            let common = WrittenFrom.commonPositions(continuing.map { own[$0] }, of: sequence.tokens.count)
            guard common == sequence.tokens.count else {
                places.append(nil)
                continue
            }
            var (sequence, first) = (sequence, continuing.first.map { own[$0] } ?? own[index])
            if let prefix = sequence.prefix, batch.indices.contains(prefix), prefix < index {
                if let place = places[prefix] {
                    sequence.prefix = place
                } else {
                    let beginning = batch[prefix].tokens
                    sequence.tokens = beginning + sequence.tokens
                    sequence.scoredFrom += beginning.count
                    sequence.prefix = nil
                }
                first = own[index]
            }
            places.append(sequences.count)
            sequences.append(sequence)
            firstWritten.append(first.position)
            isOpposed.append(first.isOpposed)
        }
    }

    private static func beginning(of sequence: TokenSequence, in batch: [TokenSequence]) -> [Int32] {
        guard let prefix = sequence.prefix, batch.indices.contains(prefix) else { return [] }
        return batch[prefix].tokens
    }
}

/// How a sequence is changed: from which position on, and which way.
struct WrittenFrom: Equatable {
    /// `nil`: it is not.
    var position: Int?
    var isOpposed: Bool

    /// - Parameter writer: `nil`: nothing is changed.
    init(_ prompt: [Int32], _ writer: (any ResidualWrite)?) {
        position = writer?.firstPosition(prompt: prompt)
        isOpposed = writer?.isOpposed(prompt: prompt) ?? false
    }

    /// How many of the first `count` positions, which several sequences begin with, may be computed once for all of them.
    static func commonPositions(_ all: [WrittenFrom], of count: Int) -> Int {
        let ends = all.map { min($0.position ?? count, count) }
        guard let least = ends.min(), least < count else { return count }
        let areAlike = ends.allSatisfy { $0 == least } && all.allSatisfy { $0.isOpposed == all[0].isOpposed }
        return areAlike ? count : least
    }
}
