import Tensors

/// The files of results that are on their way: one for each digest that was offered, which outlives its transfer, so that
/// whoever offers the same result later goes on behind what is there.
struct PartialFiles {
    /// Nobody else's.
    let folder: String

    /// Those that are kept for whoever offers the rest.
    static let mostKept = 16

    /// A path for a result of this digest. Two may fetch the same bytes at the same time, not into the same file.
    /// - Parameter taken: paths in use.
    func path(_ digest: String, except taken: Set<String>) -> String {
        // A digest comes from a worker: no path may be made of it.
        let word = digest.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) } ? digest : "x"
        return (0...taken.count).lazy.map { "\(folder)/\(word.prefix(64))\($0 == 0 ? "" : "-\($0)")" }
            .first { !taken.contains($0) }!
    }

    /// Removes the oldest that are not in use, until so many are left.
    func trim(to most: Int, except taken: Set<String>) {
        let names = Files.names(in: folder)
        guard names.count > most else { return }
        let idle = names.map { "\(folder)/\($0)" }.filter { !taken.contains($0) }
        func modified(_ path: String) -> Int { FileIdentity(path: path)?.modified ?? .min }
        for path in idle.sorted(by: { modified($0) < modified($1) }).prefix(max(0, names.count - most)) {
            Files.removeFile(path)
        }
    }
}
