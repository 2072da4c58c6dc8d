import Tensors

/// Two lists of prompts whose difference a step measures.
enum PromptLists {
    /// Checks that no prompt is in both, spaces around it aside.
    /// - Parameters:
    ///   - files: where the lists are from.
    ///   - step: what the prompts are drawn for.
    /// - Throws: `InputError` naming the harmless file and the first such prompt.
    static func checkDisjoint(
        harmful: [String], harmless: [String], files: (harmful: String, harmless: String), step: String
    ) throws(InputError) {
        let others = Set(harmless.map(trimmed))
        let both = harmful.filter { others.contains(trimmed($0)) }
        guard let first = both.first else { return }
        throw InputError(
            files.harmless,
            "\(both.count) of the prompts drawn for \(step) are harmful ones of \(files.harmful) as well, as \"\(first.prefix(40))\""
        )
    }
}
