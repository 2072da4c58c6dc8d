package import Selection
import Tensors

/// The study file's `overlap`: how much safety and utility share, per linear map (arXiv 2402.05162, section 4, Jaccard
/// indices and subspace similarity).
extension Study {
    package struct OverlapSettings: Sendable, Equatable {
        /// Jaccard index of the top p % of utility and the top q % of safety scores; `nil`: not asked for.
        package var jaccard: Percentages?
        /// φ of so many first directions; `nil`: not asked for.
        package var rank: RankAmount?

        package struct Percentages: Sendable, Equatable {
            package var p: Double
            package var q: Double

            package init(p: Double, q: Double) {
                self.p = p
                self.q = q
            }
        }
    }

    static func overlap(_ top: StudyNode) throws(InputError) -> OverlapSettings? {
        guard let node = try top.mapping("overlap", keys: ["p", "q", "rank"]) else { return nil }
        var plan = OverlapSettings()
        switch (try node.percent("p"), try node.percent("q")) {
        case (let p?, let q?): plan.jaccard = .init(p: p, q: q)
        case (nil, nil): break
        default: throw top.error("overlap", "needs both p and q (the Jaccard index), or neither")
        }
        if let text = try node.string("rank") {
            guard let rank = RankAmount(text) else {
                throw node.error(
                    "rank", "= \(text) is no number of ranks: a whole number, or a share below 100% as in 2.5%")
            }
            plan.rank = rank
        }
        guard plan.jaccard != nil || plan.rank != nil else {
            throw top.error(
                "overlap", "needs p and q (the Jaccard index), rank (the subspaces' similarity), or all three")
        }
        return plan
    }

    func checkOverlap(_ top: StudyNode) throws(InputError) {
        guard let overlap else { return }
        guard calibration != nil else {
            throw top.error("calibration", "is missing: overlap compares its two data sets")
        }
        if overlap.jaccard != nil, !scores.method.needsData {
            throw top.error(
                "scores",
                "method \(scores.method.rawValue) knows no two data sets: overlap.p and q need \(ScoreMethod.namesWithData)"
            )
        }
    }
}
