/// The files of a run that other studies may take over: scores, subspaces, edits made block by block. Each says in its
/// metadata what it was made of; that, and the fleet's kernels, is its key.
package struct SharedFiles: Sendable {
    private let cache: ResultCache
    private let keys: CacheKeys

    package init(_ cache: ResultCache, _ keys: CacheKeys) {
        self.cache = cache
        self.keys = keys
    }

    /// Takes the file over where the cache has it and it is not there yet.
    /// - Returns: whether it came from the cache.
    func recall(_ path: String, _ words: [String: String]) -> Bool {
        guard !ScoreStore.isMade(path, words) else { return false }
        return cache.fetch(keys.key("file", words), to: path)
    }

    func remember(_ path: String, _ words: [String: String]) throws {
        let key = keys.key("file", words)
        guard !cache.has(key), ScoreStore.isMade(path, words) else { return }
        try cache.store(key, file: path)
    }

    /// Which weights a recipe comes to.
    func note(recipe: String, weights: String) throws {
        let key = keys.key("recipe", [recipe])
        guard !cache.has(key) else { return }
        try cache.store(key, bytes: Array(weights.utf8))
    }
}
