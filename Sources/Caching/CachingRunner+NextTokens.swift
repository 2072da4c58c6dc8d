package import ModelService
package import Protocol

/// Next-token distributions, and what they are compared to: all of a call are from the cache, or all computed.
extension CachingRunner {
    /// Whole distributions.
    /// - Throws: what the inner runner throws; `ProtocolError` where a batch is too large to be sent; what
    ///   `ResultCache.store` throws.
    package func nextTokens(_ batches: [Batch], label: String) async throws -> [[Float]] {
        try await rows(batches, nil, label) { try await inner.nextTokens(batches, label: label) }
    }

    /// Log-probabilities of some tokens.
    /// - Throws: what the inner runner throws; `ProtocolError` where a batch is too large to be sent; what
    ///   `ResultCache.store` throws.
    package func nextTokens(_ batches: [Batch], of tokens: [Int32], label: String) async throws -> [[Double]] {
        try await rows(batches, tokens, label) { try await inner.nextTokens(batches, of: tokens, label: label) }
    }

    /// One number a prompt; the distributions themselves are not kept.
    /// - Throws: what the inner runner throws; `ProtocolError` where a batch is too large to be sent; what
    ///   `ResultCache.store` throws.
    package func divergence(
        _ batches: [Batch], from reference: NextTokenReference, epsilon: Double, label: String
    ) async throws -> [Double] {
        let words = ["divergence", reference.digest, "\(epsilon)"]
        return try await rows(batches, nil, label, words) {
            try await inner.divergence(batches, from: reference, epsilon: epsilon, label: label).map { [$0] }
        }.flatMap { $0 }
    }

    private func rows<Value: BitwiseCopyable>(
        _ batches: [Batch], _ tokens: [Int32]?, _ label: String, _ words: [String] = [],
        compute: () async throws -> [[Value]]
    ) async throws -> [[Value]] {
        let digests = try batches.map { try TaskBody.nextTokens(batches: [$0], tokens: tokens).digest() }
        let key = keys.key("next tokens", [weights] + words + digests)
        let count = batches.reduce(0) { $0 + $1.exampleCount }
        if let bytes = cache.bytes(key), let rows = CachedValues.rows(bytes, of: Value.self, count: count) {
            tell(label, 1, of: 1)
            return rows
        }
        let rows = try await compute()
        try cache.store(key, bytes: CachedValues.bytes(rows: rows))
        return rows
    }
}
