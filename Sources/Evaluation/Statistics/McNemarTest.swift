/// McNemar's exact test of two rates that were found on the same items (Psychometrika 12, 1947).
///
/// Only items on which the two differ say something. Were there no difference, each of them would fall on either side with
/// probability ½.
public enum McNemarTest {
    /// - Parameters:
    ///   - gained: items that count in the first alone.
    ///   - lost: items that count in the second alone.
    /// - Returns: the two-sided p, twice the smaller tail of the binomial distribution, 1 at most.
    public static func p(gained: Int, lost: Int) -> Double {
        let (fewer, n) = (min(gained, lost), gained + lost)
        guard n > 0 else { return 1 }
        // Σ C(n, k) for k ≤ fewer, scaled by powers of two: products and sums alone, so the same bits everywhere.
        var (term, sum, exponent) = (1.0, 1.0, 0)
        for k in stride(from: 1, through: fewer, by: 1) {
            term = term * Double(n - k + 1) / Double(k)
            sum += term
            if sum > 0x1p512 {
                term *= 0x1p-512
                sum *= 0x1p-512
                exponent += 512
            }
        }
        return min(1, Double(sign: .plus, exponent: exponent - n + 1, significand: sum))
    }
}
