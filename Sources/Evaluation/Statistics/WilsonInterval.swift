/// Two ends between which a number lies, with 95 % confidence.
public struct ConfidenceInterval: Sendable, Equatable, Codable {
    public var low: Double
    public var high: Double

    public init(low: Double, high: Double) { (self.low, self.high) = (low, high) }

    /// The 97.5th percentile of the standard normal distribution.
    static let quantile = 1.959963984540054

    /// Wilson's score interval of a rate (Journal of the American Statistical Association 22, 1927).
    ///
    /// A rate of 0 or 1 has an interval, too. Where several samples of an item are averaged, `count` is the items: the
    /// interval is then never too narrow for the mean (our choice).
    /// - Parameters:
    ///   - rate: from 0 to 1.
    ///   - count: of independent items; 0 gives the interval from 0 to 1.
    public static func wilson(_ rate: Double, of count: Int) -> ConfidenceInterval {
        guard count > 0 else { return ConfidenceInterval(low: 0, high: 1) }
        let n = Double(count)
        let square = quantile * quantile
        let centre = (rate + square / (2 * n)) / (1 + square / n)
        let half = quantile / (1 + square / n) * (rate * (1 - rate) / n + square / (4 * n * n)).squareRoot()
        return ConfidenceInterval(low: max(0, centre - half), high: min(1, centre + half))
    }
}
