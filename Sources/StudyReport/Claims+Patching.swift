import Evaluation
import Reporting
import StudyFile

/// Changes of an aligned model that mend it: SCANS against over-refusal (arXiv 2408.11491), SafePatching against unsafe
/// answers (arXiv 2405.13820).
extension Claims {
    static func scans(_ evidence: Evidence) -> [Finding] {
        let points = evidence.points(.scans).filter { ($0.axes.first?.value ?? 1) > 0 }
        return [
            LoweringClaim(
                claim: "Steering with SCANS lowers over-refusal while ASR does not rise", lowered: .overRefusal,
                kept: .success, needs: "SCANS with harmful and harmless prompts"
            ).finding(points.map { .init(point: $0, start: evidence.unedited) }, evidence)
        ]
    }

    static func safePatching(_ evidence: Evidence) -> [Finding] {
        [
            LoweringClaim(
                claim: "SafePatching lowers ASR while over-refusal does not rise", lowered: .success,
                kept: .overRefusal, needs: "SafePatching with harmful and harmless prompts"
            ).finding(evidence.points(.safePatched).map { .init(point: $0, start: evidence.unedited) }, evidence)
        ]
    }
}
