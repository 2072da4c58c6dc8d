package import Protocol
import Tensors

/// A model's next-token distributions after some prompts, to compare other models' with.
package struct NextTokenReference: Sendable {
    /// Natural logarithms of probabilities, [prompts × vocabulary].
    package let rows: [[Float]]
    /// SHA-256 of the rows: what a comparison with them is known by.
    package let digest: String

    package init(_ rows: [[Float]]) {
        self.rows = rows
        let parts = rows.map { row in Digest.sha256(row.withUnsafeBytes { Array($0) }) }
        digest = Digest.sha256(Array(parts.joined(separator: "\n").utf8))
    }
}

extension BatchPacking {
    /// Bytes of whole distributions that one task's result holds at most, where several prompts share a task.
    private static let distributionBytes = 16 << 20

    /// Prompts as the tasks that ask for their next token: what neighbours begin with alike runs once, and no batch has so
    /// many prompts that the rows of its result are large.
    /// - Parameter vocabulary: tokens of a row; `nil`: few tokens are asked for.
    /// - Throws: `PackingError` where a prompt is larger than a batch.
    package static func prompts(
        _ prompts: [[Int32]], vocabulary: Int?, maximumTokens: Int = standardTokens
    ) throws(PackingError) -> [Batch] {
        let most = vocabulary.map { max(1, distributionBytes / max(1, 4 * $0)) } ?? max(1, prompts.count)
        var batches: [Batch] = []
        var start = 0
        while start < prompts.count {
            let sequences = prompts[start..<min(prompts.count, start + most)].map {
                TokenSequence(tokens: $0, scoredFrom: $0.count)
            }
            let groups = SequenceGroup.sharingPrefix(sequences, name: "prompts", maximumTokens: maximumTokens)
            batches += try pack(groups, maximumTokens: maximumTokens, letsLargeAlone: true)
            start += most
        }
        return batches
    }
}
