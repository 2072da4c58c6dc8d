import Tensors

extension TaskBody {
    /// Of all that a task computes: what its results are known by, in the journal and in the cache.
    /// - Throws: `ProtocolError` where it is too large to be sent.
    public func digest() throws -> String { Digest.sha256(try Codec.encode(body: self).flatMap { $0 }) }
}
