package import Evaluation
import Reporting

/// How far two conditions are apart, and how sure that is.
///
/// Conditions answer the same prompts and questions, so they are compared item by item. Numbers whose items are not known,
/// or are not the same, are compared as if their errors were independent.
package struct Difference: Sendable, Equatable {
    package var value: Double
    package var standardError: Double
    /// Of the same items: the paired bootstrap's interval, and the p of McNemar's exact test or of the bootstrap,
    /// corrected where it is one of several.
    package var interval: ConfidenceInterval?
    package var p: Double?

    /// a − b of two measures that are no rates, and of different items.
    package init(_ a: Estimate, minus b: Estimate) {
        value = a.value - b.value
        standardError = (a.standardError * a.standardError + b.standardError * b.standardError).squareRoot()
    }

    /// a − b of two rates of different items. A rate of 0 or 1 has the formal error 0, as if one more prompt could not be
    /// answered otherwise; each error is at least that of Agresti and Coull's interval (The American Statistician 52, 1998).
    package init(ofRates a: Estimate, minus b: Estimate) {
        func careful(_ rate: Estimate) -> Double {
            let n = Double(rate.count) + 4
            let p = (rate.value * Double(rate.count) + 2) / n
            return max(rate.standardError, (p * (1 - p) / n).squareRoot())
        }
        value = a.value - b.value
        standardError = (careful(a) * careful(a) + careful(b) * careful(b)).squareRoot()
    }

    package init(_ paired: PairedDifference) {
        (value, standardError) = (paired.value, paired.standardError)
        (interval, p) = (paired.interval, paired.p)
    }

    /// A p below this, corrected, shows a difference.
    package static let level = 0.05
    /// Without a p, differences of less than so many standard errors show nothing.
    package static let threshold = 2.0
    /// Rates are called alike where a difference of so much would have shown.
    package static let resolution = 0.2

    package var isAbove: Bool { value > 0 && isShown }
    package var isBelow: Bool { value < 0 && isShown }
    private var isShown: Bool { p.map { $0 < Self.level } ?? (abs(value) > Self.threshold * standardError) }
    package var isWithinError: Bool { !isAbove && !isBelow }
    /// Nothing is shown, and the error is small enough to say something.
    package var isNone: Bool { isWithinError && Self.threshold * standardError <= Self.resolution }

    /// "+0.31 [+0.17, +0.45], p 0.002"; "+0.31 ± 0.07" of different items.
    package var text: String {
        guard let interval, let p else { return (value >= 0 ? "+" : "") + Format.estimate(value, standardError) }
        return "\(Self.signed(value)) \(Self.text(interval)), p \(Self.text(p))"
    }

    static func signed(_ value: Double) -> String { (value >= 0 ? "+" : "") + Format.number(value) }
    static func text(_ interval: ConfidenceInterval) -> String {
        "[\(signed(interval.low)), \(signed(interval.high))]"
    }
    /// Four decimals at most, none of them made up.
    static func text(_ p: Double) -> String {
        p < 0.0001 ? "< 0.0001" : p < 0.01 ? Format.fixed(p, 4) : Format.fixed(p, 2)
    }

    /// Corrects the p of comparisons that are looked at together (Holm 1979); those without one stay as they are.
    static func corrected(_ differences: [Difference]) -> [Difference] {
        let tested = differences.indices.filter { differences[$0].p != nil }
        var corrected = differences
        for (index, p) in zip(tested, HolmCorrection.adjusted(tested.map { differences[$0].p! })) {
            corrected[index].p = p
        }
        return corrected
    }
}

extension GridPoint {
    /// What two points are compared by.
    enum Compared {
        /// Gated ASR over all attack settings, degenerate answers, accuracy.
        case success, degeneration, accuracy
        /// ASR by the run's own judge, over all attack settings, and refusals of harmless prompts.
        case unrefused, overRefusal

        /// In sentences.
        var title: String {
            switch self {
            case .success: "gated ASR"
            case .degeneration: "degenerate"
            case .accuracy: "accuracy"
            case .unrefused: "ASR"
            case .overRefusal: "over-refusal"
            }
        }
    }

    func estimate(_ measure: Compared) -> Estimate? { number(measure).estimate }

    private func number(_ measure: Compared) -> (estimate: Estimate?, items: ItemValues?) {
        switch measure {
        case .success: (success, items?.success)
        case .degeneration: (degeneration, items?.degeneration)
        case .accuracy: (accuracy, items?.accuracy)
        case .unrefused: (unrefused, items?.unrefused)
        case .overRefusal: (overRefusal, items?.overRefusal)
        }
    }

    /// This point's number less the other's, with its error alone: points are chosen by it, and nothing is tested.
    /// - Returns: `nil` where one of them is not measured.
    func distance(_ measure: Compared, from other: GridPoint) -> (value: Double, error: Double)? {
        let (a, b) = (number(measure), other.number(measure))
        guard let x = a.estimate, let y = b.estimate else { return nil }
        if let own = a.items, let others = b.items, let paired = PairedDifference.estimate(own, minus: others) {
            return (paired.value, paired.standardError)
        }
        let difference = Difference(ofRates: x, minus: y)
        return (difference.value, difference.standardError)
    }

    /// This point's number less the other's.
    /// - Returns: `nil` where one of them is not measured.
    func difference(_ measure: Compared, from other: GridPoint, _ bootstrap: PairedBootstrap) -> Difference? {
        let (a, b) = (number(measure), other.number(measure))
        guard let x = a.estimate, let y = b.estimate else { return nil }
        if let own = a.items, let others = b.items, let paired = PairedDifference(own, minus: others, bootstrap) {
            return Difference(paired)
        }
        return Difference(ofRates: x, minus: y)
    }
}
