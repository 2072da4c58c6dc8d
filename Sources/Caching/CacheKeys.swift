package import Datasets
import Protocol
import Tensors

/// What results are known by: everything that decides their bytes, and nothing of the fleet's shape.
package struct CacheKeys: Sendable {
    /// Raise it where the same settings no longer give the same bytes, or entries are written differently.
    package static let format = "2"

    package let modelDigest: String
    private let common: String

    /// - Parameter kernels: which of the CPU's kernels the fleet runs (the last bits depend on them).
    package init(modelDigest: String, kernels: String) {
        self.modelDigest = modelDigest
        common = ["faultline", Self.format, Release.version, modelDigest, kernels].joined(separator: "\n")
    }

    package func key(_ kind: String, _ parts: [String]) -> String {
        Digest.sha256(Array("\(common)\n\(kind)\n\(parts.joined(separator: "\n"))".utf8))
    }

    /// A file that says of itself what it was made of.
    package func key(_ kind: String, _ provenance: [String: String]) -> String {
        key(kind, provenance.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" })
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
