#if canImport(Glibc)
    import Glibc
#endif

/// One condition's number less another's, where both were found on the same items.
public struct PairedDifference: Sendable, Equatable {
    /// What its p is from.
    public enum Test: String, Sendable {
        /// Exact, of rates of one answer an item.
        case mcNemar = "mcnemar_exact"
        /// Of everything else.
        case bootstrap = "paired_bootstrap"
    }

    public var value: Double
    /// Of the mean of the items' differences.
    public var standardError: Double
    /// By the paired bootstrap.
    public var interval: ConfidenceInterval
    public var p: Double
    public var test: Test
    /// Items.
    public var count: Int

    /// a − b of rates from 0 to 1, with its standard error.
    ///
    /// The error is at least that of Agresti and Min (Statistics in Medicine 24, 2005), who add two items, half of one on
    /// either side: few items that all agree are no proof that the next one would.
    /// - Returns: `nil` where the items are not the same number, or none.
    public static func estimate(_ a: ItemValues, minus b: ItemValues) -> Estimate? {
        differences(a, b).map { estimate($0) }
    }

    private static func differences(_ a: ItemValues, _ b: ItemValues) -> ItemValues? {
        guard a.values.count == b.values.count, !a.values.isEmpty, a.groups == b.groups else { return nil }
        return ItemValues(zip(a.values, b.values).map { $0 - $1 }, groups: a.groups)
    }

    private static func estimate(_ differences: ItemValues) -> Estimate {
        var estimate = differences.estimate
        let n = Double(differences.values.count)
        let squares = differences.values.reduce(0) { $0 + $1 * $1 }
        let sum = differences.values.reduce(0, +)
        let careful = (squares + 1 - sum * sum / (n + 2)).squareRoot() / (n + 2)
        estimate.standardError = max(estimate.standardError, careful)
        return estimate
    }

    /// a − b of rates from 0 to 1.
    /// - Returns: `nil` where the items are not the same number, or none.
    public init?(_ a: ItemValues, minus b: ItemValues, _ bootstrap: PairedBootstrap) {
        guard let differences = Self.differences(a, b) else { return nil }
        let estimate = Self.estimate(differences)
        let members = differences.members
        let outcome = bootstrap.mean(of: differences.values, members: members)
        (value, standardError, interval) = (estimate.value, estimate.standardError, outcome.interval)
        count = a.values.count
        // McNemar's test counts all items alike, as the mean of groups does where they are equally large.
        if a.isBinary, b.isBinary, Set(members.map(\.count)).count == 1 {
            test = .mcNemar
            p = McNemarTest.p(
                gained: differences.values.count { $0 > 0 }, lost: differences.values.count { $0 < 0 })
        } else {
            test = .bootstrap
            p = max(outcome.p, Self.least(differences.values.count { $0 != 0 }))
        }
    }

    /// The bootstrap knows nothing beyond its items: of few that all fall on one side it would be sure. Its p is never below
    /// what a sign test of as many items could give, 2 / 2ⁿ (our choice).
    private static func least(_ items: Int) -> Double {
        min(1, Double(sign: .plus, exponent: 1 - items, significand: 1))
    }

    /// - Parameter windows: not empty.
    /// - Returns: the interval of one model's perplexity, over the windows of its text.
    public static func perplexity(_ windows: [WindowLoss], _ bootstrap: PairedBootstrap) -> ConfidenceInterval {
        typealias Sums = (loss: Double, tokens: Double)
        return bootstrap.ratio(
            windows.map { window -> Sums in (window.loss, Double(window.tokens)) }, zero: (0, 0),
            add: { $0 = ($0.loss + $1.loss, $0.tokens + $1.tokens) }, statistic: { exp($0.loss / $0.tokens) }
        ).interval
    }

    /// a − b of two perplexities of one text, by its windows. The error is half the bootstrap
    /// interval's width over 1.96.
    /// - Returns: `nil` where the windows are not the same, or none, or a perplexity is beyond a double.
    public init?(_ a: [WindowLoss], minus b: [WindowLoss], _ bootstrap: PairedBootstrap) {
        guard a.count == b.count, !a.isEmpty, zip(a, b).allSatisfy({ $0.tokens == $1.tokens }) else { return nil }
        typealias Sums = (a: Double, b: Double, tokens: Double)
        let items = zip(a, b).map { pair -> Sums in (pair.0.loss, pair.1.loss, Double(pair.0.tokens)) }
        func add(_ sums: inout Sums, _ item: Sums) {
            sums = (sums.a + item.a, sums.b + item.b, sums.tokens + item.tokens)
        }
        func statistic(_ sums: Sums) -> Double { exp(sums.a / sums.tokens) - exp(sums.b / sums.tokens) }
        var all: Sums = (0, 0, 0)
        for item in items { add(&all, item) }
        value = statistic(all)
        guard value.isFinite else { return nil }
        let outcome = bootstrap.ratio(items, zero: (0, 0, 0), add: add, statistic: statistic)
        guard outcome.interval.low.isFinite, outcome.interval.high.isFinite else { return nil }
        interval = outcome.interval
        standardError = (interval.high - interval.low) / (2 * ConfidenceInterval.quantile)
        p = max(outcome.p, Self.least(items.count { $0.a != $0.b }))
        (test, count) = (.bootstrap, a.count)
    }
}
