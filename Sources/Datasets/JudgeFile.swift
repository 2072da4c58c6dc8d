package import Evaluation
import Tensors

/// A user's own list of refusal phrases: one a line, lines that begin with # are comments.
package enum JudgeFile {
    /// The judges of a run.
    /// - Parameters:
    ///   - phrases: a file whose list is the run's own judge; `nil`: the first of `names`, or the default.
    ///   - names: of judges that come with the program.
    ///   - files: what reads it, and says what it was taken for.
    /// - Throws: `InputError` where the file cannot be read, or a name is unknown or there twice;
    ///   `EvaluationError` where it has no phrases.
    package static func judges(phrases path: String?, names: [String] = [], _ files: DataFiles) throws -> Judges {
        var named: [RefusalJudge] = []
        for name in names {
            guard let judge = RefusalJudge.named(name) else { throw InputError("judge \(name)", unknown) }
            guard !named.contains(judge) else { throw InputError("judge \(name)", "is named twice") }
            named.append(judge)
        }
        guard let path else { return Judges(phrases: nil, named: named) }
        let phrases = try files.lines(path, kind: "refusal phrases", column: "phrase")
        let list = Array(phrases.joined(separator: "\n").utf8)
        let own = try RefusalJudge(own: list, file: path, digest: Digest.sha256(TextFile.read(path)))
        return Judges(phrases: own, named: named)
    }

    private static var unknown: String {
        "is unknown (known: \(RefusalJudge.all.map(\.name).joined(separator: ", ")))"
    }
}
