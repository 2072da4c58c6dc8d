import Datasets
package import Tensors

/// The kernel level that a run's results are made at, kept in the run's folder: it goes on at the level it began with.
package enum RunLevel {
    private static func path(_ folder: String) -> String { "\(folder)/level.txt" }

    /// The level that the run began with; `nil`: none is on record.
    /// - Throws: `InputError` where the file cannot be read or names no level.
    package static func kept(in folder: String) throws(InputError) -> KernelLevel? {
        let file = path(folder)
        guard Files.exists(file) else { return nil }
        let text = String(decoding: try TextFile.read(file), as: UTF8.self)
        guard let level = KernelLevel(rawValue: String(text.prefix { !$0.isNewline })) else {
            throw InputError(
                file, "it should hold the kernel level that the run began with, one of \(KernelLevel.names)")
        }
        return level
    }

    /// The level to run at.
    /// - Parameters:
    ///   - asked: `--level`.
    ///   - highest: of this machine, where it computes; `nil`: others do.
    /// - Returns: `nil`: what the workers agree on.
    /// - Throws: `InputError` where the run began with a level that is not the one asked for, or that this machine does
    ///   not have.
    package static func of(
        _ folder: String, asked: KernelLevel?, highest: KernelLevel?
    ) throws(InputError) -> KernelLevel? {
        guard let kept = try kept(in: folder) else { return asked }
        if let asked, asked != kept {
            throw InputError(
                "--level \(asked)",
                "\(folder) was begun at kernel level \(kept), and its results would differ in their last bits: leave "
                    + "--level out, or choose another --run-dir")
        }
        if let highest, highest < kept {
            throw InputError(
                folder,
                "was begun at kernel level \(kept), and this machine's highest is \(highest): go on where that level is, "
                    + "or begin anew in another --run-dir")
        }
        return kept
    }

    /// Writes the level into the folder, where there is none yet.
    /// - Throws: `TensorFileError` where it cannot be written.
    package static func keep(_ level: KernelLevel, in folder: String) throws {
        guard !Files.exists(path(folder)) else { return }
        try TextFile.write("\(level)\n", to: path(folder))
    }
}
