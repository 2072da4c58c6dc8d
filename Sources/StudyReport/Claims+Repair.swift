import Evaluation
import Reporting
import StudyFile

/// Repair after fine-tuning: a safety vector is added (RESTA, arXiv 2402.11746), weights that harmful data light up are removed
/// (Antidote, arXiv 2408.09600), the trained matrices are projected (Safe LoRA, arXiv 2405.16833).
extension Claims {
    static func taskVectors(_ evidence: Evidence) -> [Finding] {
        [repair("Adding the safety vector", "task vector", [.taskVector], evidence)]
    }

    static func antidote(_ evidence: Evidence) -> [Finding] {
        [repair("Antidote", "Antidote", [.antidote, .antidoteFactors], evidence)]
    }

    static func safeLoRA(_ evidence: Evidence) -> [Finding] {
        [repair("Safe LoRA", "Safe LoRA", [.safeLoRA], evidence)]
    }

    /// There is something to repair where the fine-tuning raised ASR.
    private static func repair(
        _ subject: String, _ method: String, _ kinds: [MethodFamily.Kind], _ evidence: Evidence
    ) -> Finding {
        let claim = LoweringClaim(
            claim: "\(subject) lowers a fine-tuned model's ASR while accuracy stays", lowered: .success,
            kept: .accuracy, needs: "\(method) of a fine-tuned model with harmful prompts and multiple-choice questions"
        )
        let tuned: [MethodFamily.Kind] = [.fineTuned, .fineTunedFrozen, .fineTunedLoRA]
        var cases: [LoweringClaim.Case] = []
        for point in evidence.points where kinds.contains(point.family.kind) && point.of != nil {
            guard let start = evidence.start(of: point), tuned.contains(start.family.kind), start.success != nil else {
                continue
            }
            cases.append(.init(point: point, start: start))
        }
        let broken = evidence.unedited.success == nil ? [] : cases.filter { evidence.rise($0.start).isAbove }
        if broken.isEmpty, let first = cases.first(where: { $0.has(.success) && $0.has(.accuracy) }) {
            return finding(
                claim.claim, .open,
                "\(Phrase.words(first.point, .success)); \(Phrase.words(first.start, .success)); \(Phrase.words(evidence.unedited, .success)): the fine-tuning itself breaks nothing."
                    + evidence.judged(.success))
        }
        return claim.finding(broken, evidence)
    }
}
