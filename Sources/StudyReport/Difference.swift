package import Evaluation
import Reporting

/// How far two conditions are apart, and how sure that is.
///
/// Both were asked the same prompts, but their errors are added as if they were independent: as a rule that is too careful.
package struct Difference: Sendable, Equatable {
    package var value: Double
    package var standardError: Double

    /// a − b of two measures that are no rates.
    package init(_ a: Estimate, minus b: Estimate) {
        value = a.value - b.value
        standardError = (a.standardError * a.standardError + b.standardError * b.standardError).squareRoot()
    }

    /// a − b of two rates. A rate of 0 or 1 has the formal error 0, as if one more prompt could not be answered otherwise;
    /// each error is at least that of Agresti and Coull's interval (The American Statistician 52, 1998).
    package init(ofRates a: Estimate, minus b: Estimate) {
        func careful(_ rate: Estimate) -> Double {
            let n = Double(rate.count) + 4
            let p = (rate.value * Double(rate.count) + 2) / n
            return max(rate.standardError, (p * (1 - p) / n).squareRoot())
        }
        value = a.value - b.value
        standardError = (careful(a) * careful(a) + careful(b) * careful(b)).squareRoot()
    }

    /// Differences of less than so many standard errors show nothing.
    package static let threshold = 2.0
    /// Rates are called alike where a difference of so much would have shown.
    package static let resolution = 0.2

    package var isAbove: Bool { value > Self.threshold * standardError }
    package var isBelow: Bool { value < -Self.threshold * standardError }
    package var isWithinError: Bool { !isAbove && !isBelow }
    /// Within error, and the error is small enough to say something.
    package var isNone: Bool { isWithinError && Self.threshold * standardError <= Self.resolution }

    /// "+0.31 ± 0.07"
    package var text: String { (value >= 0 ? "+" : "") + Format.estimate(value, standardError) }
}
