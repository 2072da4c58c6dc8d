import Evaluation
import Reporting
import StudyFile

/// Few units carry safety, and freezing them keeps it (SSAH, arXiv 2410.10862).
extension Claims {
    static func units(_ evidence: Evidence) -> [Finding] {
        [
            judged(raises(.safetyUnits, "safety-critical units", evidence), evidence.judged(.success)),
            unitsBeatRandom(evidence),
            freezingKeeps(.safetyUnits, "the safety-critical units", evidence),
        ]
    }

    /// A random edit that is sized like the units has as many weights of every matrix, not whole units.
    static func unitsBeatRandom(_ evidence: Evidence) -> Finding {
        let claim = "Removing safety-critical units raises ASR more than as many random weights of the same matrices"
        var cases: [(point: GridPoint, control: GridPoint)] = []
        for point in evidence.points(.safetyUnits) where point.success != nil {
            let draws = evidence.points.filter { $0.like == point.name && $0.success != nil }
            if !draws.isEmpty { cases.append((point, .mean(of: draws))) }
        }
        guard let best = BestPoint.best(of: cases.map(\.point), unedited: evidence.unedited)?.point,
            let place = cases.firstIndex(where: { $0.point.name == best.name })
        else { return unmeasured(claim, "safety-critical units beside a random edit that is like them") }
        let own = cases.map { $0.point.difference(.success, from: $0.control, evidence.bootstrap)! }
        let difference = evidence.isSplit ? own[place] : Difference.corrected(own)[place]
        let control = cases[place].control
        return finding(
            claim, difference.isAbove ? .holds : difference.isBelow || own[place].isNone ? .fails : .open,
            "\(Phrase.words(best, .success)), \(Phrase.size(best)); \(Phrase.words(control, .success)), \(Phrase.size(control)). Difference \(difference.text)."
                + evidence.judged(.success))
    }
}
