package import Evaluation
package import ModelService
package import Protocol
package import Tensors

/// A runner that asks the cache first, and the fleet for what is new. The runner below changes, or trains, the model only
/// when something has to be computed with it.
///
/// Scores and subspaces are files of the study's own (`SharedFiles`): they pass through.
package final class CachingRunner: ModelRunner, @unchecked Sendable {
    let inner: any ModelRunner
    let cache: ResultCache
    let keys: CacheKeys
    private let say: (String) -> Void
    /// What the current model is known by.
    package private(set) var weights = ModelState.checkpoint.identity

    /// - Parameter say: is told what comes from the cache.
    package init(
        _ inner: any ModelRunner, cache: ResultCache, keys: CacheKeys, say: @escaping (String) -> Void = { _ in }
    ) {
        self.inner = inner
        self.cache = cache
        self.keys = keys
        self.say = say
    }

    package var kernels: String { inner.kernels }

    // MARK: The model

    /// Makes a model current in the inner runner too, and keeps what it is known by.
    /// - Throws: what the inner runner throws.
    package func use(_ state: ModelState) async throws {
        weights = state.identity
        try await inner.use(state)
    }

    /// The losses of every step, from the cache or from the inner runner.
    /// - Throws: what the inner runner throws; `ProtocolError` where the training is too large to be sent; what
    ///   `ResultCache.store` throws.
    package func train(_ request: TrainingRequest, label: String) async throws -> [Float] {
        let state = try ModelState(request)
        weights = state.identity
        let key = keys.key("losses", [state.trainedIdentity])
        if let bytes = cache.bytes(key), let losses = CachedValues.floats(bytes) {
            say("\(label): from the cache")
            try await inner.use(state)
            return losses
        }
        let losses = try await inner.train(request, label: label)
        try cache.store(key, bytes: CachedValues.bytes(losses))
        return losses
    }

    // MARK: What is asked of it

    /// The answers of all groups in order. Only the groups that the cache does not have are computed.
    /// - Throws: what the inner runner throws, and `InternalError` where it gives another number of answers;
    ///   `ProtocolError` where a group is too large to be sent; what `ResultCache.store` throws.
    package func generate(_ groups: [TaskBody.Generation], label: String) async throws -> [[Int32]] {
        let keys = try groups.map { self.keys.key("answers", [weights, try TaskBody.generate($0).digest()]) }
        var known = zip(keys, groups).map { key, group in
            cache.bytes(key).flatMap { CachedValues.lists($0) }.flatMap { $0.count == group.prompts.count ? $0 : nil }
        }
        let missing = groups.indices.filter { known[$0] == nil }
        if !missing.isEmpty {
            let answers = try await inner.generate(missing.map { groups[$0] }, label: label)
            guard answers.count == missing.reduce(0, { $0 + groups[$1].prompts.count }) else {
                throw InternalError("the fleet gave \(answers.count) answers to another number of prompts")
            }
            var start = 0
            for index in missing {
                let part = Array(answers[start..<start + groups[index].prompts.count])
                try cache.store(keys[index], bytes: CachedValues.bytes(part))
                known[index] = part
                start += part.count
            }
        }
        tell(label, groups.count - missing.count, of: groups.count)
        return known.flatMap { $0! }
    }

    /// Log-probabilities of every sequence. They are all from the cache, or all computed.
    /// - Throws: what the inner runner throws; `ProtocolError` where a batch is too large to be sent; what
    ///   `ResultCache.store` throws.
    package func likelihood(_ batches: [Batch], label: String) async throws -> [SequenceScore] {
        let sequences = batches.flatMap(\.sequences)
        let key = keys.key(
            "likelihoods", try [weights] + batches.map { try TaskBody.likelihood(batches: [$0]).digest() })
        if let bytes = cache.bytes(key), let (values, greedy) = CachedValues.likelihoods(bytes),
            let scores = SequenceScore.split(logProbabilities: values, greedy: greedy, over: sequences)
        {
            tell(label, 1, of: 1)
            return scores
        }
        let scores = try await inner.likelihood(batches, label: label)
        try cache.store(
            key, bytes: CachedValues.bytes(scores.flatMap(\.logProbabilities), greedy: scores.flatMap(\.greedy)))
        return scores
    }

    /// Statistics that are cached; scores are files of the study's own.
    /// - Throws: what the inner runner throws; `ProtocolError` where a block is too large to be sent; what
    ///   `ResultCache.store` throws.
    package func score(_ requests: [ScoreRequest], label: String) async throws -> ScoreReceipt {
        var missing: [(request: ScoreRequest, key: String?)] = []
        for request in requests {
            let key = request.isCached ? try keys.key(request, of: weights) : nil
            if let key, cache.fetch(key, to: request.output) { continue }
            missing.append((request, key))
        }
        tell(label, requests.count - missing.count, of: requests.count)
        guard !missing.isEmpty else { return ScoreReceipt() }
        let receipt = try await inner.score(missing.map(\.request), label: label)
        for case (let request, let key?) in missing { try cache.store(key, file: request.output) }
        return receipt
    }

    /// Changes of few ranks are kept; subspaces are files of the study's own.
    /// - Throws: what the inner runner and making the operands throw; `ProtocolError` where a task is too large to be
    ///   sent; what `ResultCache.store` throws.
    package func compute(_ request: RankRequest, label: String) async throws {
        guard request.groups.allSatisfy({ $0.tasks.allSatisfy { $0.kind == .factors } }) else {
            return try await inner.compute(request, label: label)
        }
        var parts = request.metadata.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        for group in request.groups {
            for task in group.tasks { parts.append(try TaskBody.ranks(task).digest()) }
            parts.append(ModelState.digest(try group.operands()))
        }
        let key = keys.key("factors", parts)
        if cache.fetch(key, to: request.output) { return tell(label, 1, of: 1) }
        try await inner.compute(request, label: label)
        try cache.store(key, file: request.output)
    }

    func tell(_ label: String, _ count: Int, of all: Int) {
        guard count > 0 else { return }
        say(count == all ? "\(label): from the cache" : "\(label): \(count) of \(all) groups from the cache")
    }

    // MARK: Passed on

    /// The inner runner's trained weights: they are not cached.
    /// - Throws: what the inner runner and `body` throw.
    package func trainedWeights(_ body: (TensorBundle) throws -> Void) async throws {
        try await inner.trainedWeights(body)
    }

    /// Tells the inner runner that a scoring job's outputs are safe.
    /// - Throws: what the inner runner throws.
    package func release(_ receipt: ScoreReceipt) throws { try inner.release(receipt) }
    /// Tells the inner runner that all is done.
    /// - Throws: what the inner runner throws.
    package func concluded() throws { try inner.concluded() }
    package func shutdown() async { await inner.shutdown() }
}
