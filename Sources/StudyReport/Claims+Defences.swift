import Evaluation
import Reporting
import StudyFile

/// Defences in the prompt, on both sides (SODE, arXiv 2401.00287).
///
/// Unsafe answers and abstentions are those of the report's table of defences: ASR and over-refusal by the run's own judge.
extension Claims {
    static func defences(_ evidence: Evidence) -> [Finding] {
        let guards = evidence.defences.filter { $0.strategy != .knowledge }
        let knowledge = evidence.defences.filter { $0.strategy == .knowledge }
        return [
            change(
                "A defence in the prompt (instruction, exemplars or self-check) lowers unsafe answers to harmful prompts",
                guards, .unrefused, rises: false, needs: "defence in the prompt", evidence),
            change(
                "A defence in the prompt raises abstentions on harmless prompts", guards, .overRefusal, rises: true,
                needs: "defence in the prompt", evidence),
            change(
                "Knowledge before the question raises unsafe answers to harmful prompts", knowledge, .unrefused,
                rises: true, needs: "knowledge before the question", evidence),
        ]
    }

    /// Every defence against the model that it is of. All are looked at, so their p are corrected together; one that is shown
    /// is enough where none is shown to do the opposite.
    private static func change(
        _ claim: String, _ defences: [GridPoint], _ measure: GridPoint.Compared, rises: Bool, needs: String,
        _ evidence: Evidence
    ) -> Finding {
        var (words, changes, canShow): ([String], [Difference], Bool) = ([], [], false)
        for point in defences {
            guard let start = evidence.start(of: point),
                let change = point.difference(measure, from: start, evidence.bootstrap)
            else { continue }
            words.append("\(Phrase.words(point, measure)), \(Phrase.words(start, measure))")
            changes.append(change)
            let room = rises ? 1 - start.estimate(measure)!.value : start.estimate(measure)!.value
            canShow = canShow || room >= Difference.resolution
        }
        guard !changes.isEmpty else { return unmeasured(claim, needs) }
        let isNone = changes.allSatisfy { $0.isNone || (rises ? $0.isBelow : $0.isAbove) }
        changes = Difference.corrected(changes)
        let numbers = zip(words, changes).map { "\($0), difference \($1.text)" }.joined(separator: "; ")
        let isShown = changes.contains { rises ? $0.isAbove : $0.isBelow }
        let isOpposite = changes.contains { rises ? $0.isBelow : $0.isAbove }
        let outcome: Finding.Outcome =
            isShown && !isOpposite ? .holds : isNone && (canShow || isOpposite) ? .fails : .open
        return finding(claim, outcome, "\(numbers).\(evidence.judged(measure))")
    }
}
