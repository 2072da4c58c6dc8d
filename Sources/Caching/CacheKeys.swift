package import Datasets
package import ModelService
import Protocol
import Tensors

/// What results are known by: everything that decides their bytes, and nothing of the fleet's shape.
package struct CacheKeys: Sendable {
    /// Raise it where the same settings no longer give the same bytes, or entries are written differently.
    package static let format = "2"

    package let modelDigest: String
    package let kernels: String
    private let common: String

    /// - Parameter kernels: the fleet's kernel level, by name (the last bits depend on it).
    package init(modelDigest: String, kernels: String) {
        (self.modelDigest, self.kernels) = (modelDigest, kernels)
        common = ["faultline", Self.format, Release.version, modelDigest, kernels].joined(separator: "\n")
    }

    package func key(_ kind: String, _ parts: [String]) -> String {
        Digest.sha256(Array("\(common)\n\(kind)\n\(parts.joined(separator: "\n"))".utf8))
    }

    /// A file that says of itself what it was made of.
    package func key(_ kind: String, _ provenance: [String: String]) -> String {
        key(kind, provenance.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" })
    }

    /// Statistics of a model that is known by `weights`.
    /// - Throws: `ProtocolError` where a block is too large to be sent.
    package func key(_ request: ScoreRequest, of weights: String) throws -> String {
        key(
            "statistics",
            try [weights]
                + request.blocks.map { try TaskBody.score(statistics: request.statistics, batches: $0).digest() })
    }

    /// Of the tokens that pairs come to, example by example.
    /// - Throws: `InputError` naming the pair that cannot be laid out; `ProtocolError` where an example is too large to
    ///   be sent.
    package static func digest(_ pairs: [Pair], codec: any TextCodec) throws -> String {
        let digests = try Calibration.groups(pairs, codec: codec).map {
            try TaskBody.likelihood(batches: [Batch(sequences: $0.sequences)]).digest()
        }
        return Digest.sha256(Array(digests.joined(separator: "\n").utf8))
    }
}
