/// Reads adversarial suffixes, one a line; the user's own, none is shipped.
package enum SuffixFile {
    /// - Throws: `InputError` where the file cannot be read or has no suffixes.
    package static func read(_ path: String) throws(InputError) -> [String] {
        let suffixes = TextFile.lines(try TextFile.read(path)).map { trimmed($0) }.filter { !$0.isEmpty }
        guard !suffixes.isEmpty else { throw InputError(path, "no suffixes in this file") }
        guard suffixes.count <= 4096 else {
            throw InputError(path, "\(suffixes.count) suffixes; at most 4096 can be tried")
        }
        return suffixes
    }
}
