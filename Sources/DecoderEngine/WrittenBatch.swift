import Protocol
import Transformer

/// A batch as a stage computes it whose residual stream is changed: from which position on each sequence is changed, and with
/// shared beginnings written out where their rows are not changed alike for all that continue them. It follows from the batch
/// and the edit alone, so all stages have the same.
struct WrittenBatch {
    private(set) var sequences: [TokenSequence] = []
    /// Of every sequence the first position that is changed; `nil`: none is.
    private(set) var firstWritten: [Int?] = []

    init(_ batch: [TokenSequence], _ writer: any ResidualWrite) {
        let own = batch.map { sequence in
            let tokens = Self.beginning(of: sequence, in: batch) + sequence.tokens
            let response = max(0, sequence.tokens.count - sequence.scoredFrom)
            return writer.firstPosition(prompt: Array(tokens.dropLast(response)))
        }
        /// Where a sequence of the batch went.
        var places: [Int?] = []
        for (index, sequence) in batch.enumerated() {
            let continuing = batch.indices.filter { batch[$0].prefix == index }
            let common = Self.commonPositions(continuing.map { own[$0] }, of: sequence.tokens.count)
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
            firstWritten.append(first)
        }
    }

    private static func beginning(of sequence: TokenSequence, in batch: [TokenSequence]) -> [Int32] {
        guard let prefix = sequence.prefix, batch.indices.contains(prefix) else { return [] }
        return batch[prefix].tokens
    }

    /// How many of the first `count` positions, which several sequences begin with, may be computed once for all of them.
    /// - Parameter firstWritten: the first position of each that is changed; `nil`: none is.
    static func commonPositions(_ firstWritten: [Int?], of count: Int) -> Int {
        let ends = firstWritten.map { min($0 ?? count, count) }
        guard let least = ends.min(), ends.contains(where: { $0 != least }) else { return count }
        return least
    }
}
