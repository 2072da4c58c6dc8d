import Evaluation
import Reporting

/// A claim that a method lowers one measure of a model and leaves another as good as it was.
struct LoweringClaim {
    /// A point, and the condition that it starts from.
    struct Case {
        var point: GridPoint
        var start: GridPoint

        /// The measure of both, chosen on and reported.
        func has(_ measure: GridPoint.Compared) -> Bool {
            [point, start].allSatisfy { $0.estimate(measure) != nil && $0.chooser.estimate(measure) != nil }
        }

        /// By what points are chosen by.
        func distance(_ measure: GridPoint.Compared) -> (value: Double, error: Double) {
            point.chooser.distance(measure, from: start.chooser)!
        }

        func difference(_ measure: GridPoint.Compared, _ evidence: Evidence) -> Difference {
            point.difference(measure, from: start, evidence.bootstrap)!
        }
    }

    var claim: String
    var lowered: GridPoint.Compared
    /// Accuracy must not fall, all else not rise.
    var kept: GridPoint.Compared
    /// What a study lacks that does not measure it.
    var needs: String

    /// How much worse a number became by a change of the kept measure.
    private func loss(_ change: Double) -> Double { kept == .accuracy ? -change : change }
    private func isWorse(_ change: Difference) -> Bool { kept == .accuracy ? change.isBelow : change.isAbove }

    /// No more than one standard error of the difference worse, as for the paper's claims (`BestPoint`).
    private func isKept(_ one: Case) -> Bool {
        let change = one.distance(kept)
        return loss(change.value) <= change.error
    }

    /// The case with the largest fall of those that keep the other measure; where none does, the one that loses the least of
    /// it. The first of equals.
    private func chosen(_ cases: [Case]) -> Int {
        let kept = cases.indices.filter { isKept(cases[$0]) }
        func price(_ place: Int) -> Double {
            let change = cases[place].distance(kept.isEmpty ? self.kept : lowered).value
            return kept.isEmpty ? loss(change) : change
        }
        var best: Int?
        for place in kept.isEmpty ? Array(cases.indices) : kept {
            if let known = best, price(known) <= price(place) { continue }
            best = place
        }
        return best!
    }

    /// All cases are one method's grid: their p are corrected together, unless the case was chosen on other items. That there is
    /// no fall has to be so without the correction, too.
    func finding(_ cases: [Case], _ evidence: Evidence) -> Finding {
        let cases = cases.filter { $0.has(lowered) && $0.has(kept) }
        guard !cases.isEmpty else { return Claims.unmeasured(claim, needs) }
        let own = cases.map { $0.difference(lowered, evidence) }
        let corrected = Difference.corrected(own)
        let place = chosen(cases)
        let best = cases[place]
        let (change, price) = (evidence.isSplit ? own[place] : corrected[place], best.difference(kept, evidence))
        var words =
            "\(Phrase.words(best.point, lowered, kept)); \(Phrase.words(best.start, lowered, kept)). Differences: \(lowered.title) \(change.text), \(kept.title) \(price.text)."
        func finding(_ outcome: Finding.Outcome) -> Finding {
            Finding(claim: claim, outcome: outcome, evidence: words + evidence.judged(lowered, kept))
        }
        if isKept(best), change.isBelow, !isWorse(price) { return finding(.holds) }
        let falling = cases.indices.filter { corrected[$0].isBelow }
        if let lowest = falling.min(by: { corrected[$0].value < corrected[$1].value }) {
            let other = cases[lowest]
            // The one falls where the other is worse only; where it may be worse, nothing is shown.
            let isShown = falling.allSatisfy { isWorse(cases[$0].difference(kept, evidence)) }
            words +=
                " Where \(lowered.title) falls, \(kept.title) \(isShown ? "is worse" : "may be worse"): \(Phrase.words(other.point, lowered, kept)), difference of \(kept.title) \(other.difference(kept, evidence).text)."
            return finding(isShown ? .fails : .open)
        }
        guard best.start.estimate(lowered)!.value >= Difference.resolution else {
            words += " There is little to lower."
            return finding(change.isAbove ? .fails : .open)
        }
        return finding(change.isAbove || own[place].isNone ? .fails : .open)
    }
}
