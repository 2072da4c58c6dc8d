package import OutputFiles

/// The files of a run that other studies may take over: scores, subspaces, edits made block by block. Each says in its
/// metadata what it was made of; that, and the fleet's kernels, is its key.
package struct SharedFiles: Sendable {
    private let cache: ResultCache
    private let keys: CacheKeys
    private let ledger: RunLedger

    /// - Parameter ledger: of the run that takes files over and hands them on.
    package init(_ cache: ResultCache, _ keys: CacheKeys, _ ledger: RunLedger) {
        self.cache = cache
        self.keys = keys
        self.ledger = ledger
    }

    /// Takes the file over where the cache has it and it is not there yet.
    /// - Returns: whether it came from the cache.
    /// - Throws: `TensorFileError` where the run's record cannot be written.
    package func recall(_ path: String, _ provenance: [String: String]) throws -> Bool {
        guard !ledger.holds(path, provenance), let digest = cache.fetched(keys.key("file", provenance), to: path) else {
            return false
        }
        try ledger.record(path, digest: digest)
        return true
    }

    /// Hands a file on that is what the run recorded.
    /// - Throws: what `ResultCache.store` throws.
    package func remember(_ path: String, _ provenance: [String: String]) throws {
        let key = keys.key("file", provenance)
        guard !cache.has(key), ledger.holds(path, provenance) else { return }
        try cache.store(key, file: path, digest: ledger.digest(of: path))
    }

    /// Records what the cache knows these weights by, so that the plan can look up their answers without making the edit.
    /// - Throws: what `ResultCache.store` throws.
    package func note(editKey: String, weights: String) throws {
        let key = keys.key("recipe", [editKey])
        guard !cache.has(key) else { return }
        try cache.store(key, bytes: Array(weights.utf8))
    }

    /// Records that the cache has all that a search asked, so that the plan need not follow it.
    /// - Parameter words: everything that decides what is asked.
    /// - Throws: what `ResultCache.store` throws.
    package func note(search words: String) throws {
        let key = keys.key("search", [words])
        guard !cache.has(key) else { return }
        try cache.store(key, bytes: Array("done".utf8))
    }
}
