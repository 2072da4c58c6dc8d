package import Evaluation
import Tensors

/// A user's own list of refusal phrases: one a line, lines that begin with # are comments.
package enum JudgeFile {
    /// The judges of a run.
    /// - Parameter phrases: a file whose list takes the place of the default judge's; `nil`: the default.
    /// - Throws: `InputError` where it cannot be read; `EvaluationError` where it has no phrases.
    package static func judges(phrases path: String?) throws -> Judges {
        guard let path else { return Judges() }
        let list = try TextFile.read(path)
        return Judges(own: try RefusalJudge(own: list, file: path, digest: Digest.sha256(list)))
    }
}
