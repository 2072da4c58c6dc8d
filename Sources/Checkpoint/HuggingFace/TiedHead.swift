import Tensors

#if canImport(Glibc)
    import Glibc
#endif

/// What `tie_word_embeddings` comes to where the files hold a head as well, as transformers 5 decides it
/// (`PreTrainedModel.tie_weights`): equal matrices are one, different ones stay two, and a head alone is both.
enum TiedHead {
    private static let (head, embedding) = ("lm_head.weight", "model.embed_tokens.weight")

    static func settle(_ tensors: inout [String: StoredTensor], _ config: inout ModelConfig) {
        guard config.tiedEmbeddings, let own = tensors[head] else { return }
        guard let other = tensors[embedding] else {
            tensors[embedding] = own
            return
        }
        config.tiedEmbeddings = own.isEqual(to: other)
    }
}

extension StoredTensor {
    /// Whether both hold the same numbers, however they are stored.
    fileprivate func isEqual(to other: StoredTensor) -> Bool {
        guard shape == other.shape, shape.count == 2 else { return false }
        if encoding == other.encoding, bytes.count == other.bytes.count {
            return withExtendedLifetime((mapping, other.mapping)) {
                memcmp(
                    mapping.bytes.baseAddress! + bytes.lowerBound,
                    other.mapping.bytes.baseAddress! + other.bytes.lowerBound, bytes.count) == 0
            }
        }
        var (a, b) = ([Float](repeating: 0, count: shape[1]), [Float](repeating: 0, count: shape[1]))
        return (0..<shape[0]).allSatisfy { row in
            a.withUnsafeMutableBufferPointer { read(rows: row..<row + 1, into: $0.baseAddress!) }
            b.withUnsafeMutableBufferPointer { other.read(rows: row..<row + 1, into: $0.baseAddress!) }
            return a == b
        }
    }
}
