import Evaluation
import Tensors

/// The study file's `judge`: a name, or a list of them.
extension Study {
    /// - Returns: names with their versions, each once.
    /// - Throws: `InputError` naming what is no judge.
    static func judges(_ top: StudyNode) throws(InputError) -> [String] {
        let names = try top.isScalar("judge") ? top.string("judge").map { [$0] } : top.strings("judge")
        guard let names else { return [] }
        guard !names.isEmpty else { throw top.error("judge", "is empty") }
        var judges: [String] = []
        for name in names {
            guard let judge = RefusalJudge.named(name) else {
                throw top.unknown("judge", name, among: RefusalJudge.all.map(\.name))
            }
            guard !judges.contains(judge.name) else { throw top.error("judge", "names \(judge.name) twice") }
            judges.append(judge.name)
        }
        return judges
    }
}
