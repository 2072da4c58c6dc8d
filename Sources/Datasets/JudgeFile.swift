package import Evaluation
import Tensors

/// A user's own list of refusal phrases: one a line, lines that begin with # are comments.
package enum JudgeFile {
    /// The judges of a run.
    /// - Parameters:
    ///   - phrases: a file whose list takes the place of the default judge's; `nil`: the default.
    ///   - files: what reads it, and says what it was taken for.
    /// - Throws: `InputError` where it cannot be read; `EvaluationError` where it has no phrases.
    package static func judges(phrases path: String?, _ files: DataFiles) throws -> Judges {
        guard let path else { return Judges() }
        let phrases = try files.lines(path, kind: "refusal phrases", column: "phrase")
        let list = Array(phrases.joined(separator: "\n").utf8)
        return Judges(own: try RefusalJudge(own: list, file: path, digest: Digest.sha256(TextFile.read(path))))
    }
}
