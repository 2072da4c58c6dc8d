#if canImport(Glibc)
    import Glibc
#endif

/// A mean with its standard error.
public struct Estimate: Sendable, Equatable, Codable {
    public var value: Double
    /// s / √n with s² the sample variance (n − 1), as EleutherAI's harness has it; 0 where n < 2.
    public var standardError: Double
    public var count: Int

    public init(value: Double, standardError: Double, count: Int) {
        self.value = value
        self.standardError = standardError
        self.count = count
    }

    /// The mean of independent values; for 0 and 1 this is a rate with its binomial error.
    public init(meanOf values: [Double]) {
        let n = Double(values.count)
        let mean = values.isEmpty ? 0 : values.reduce(0, +) / n
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        self.init(value: mean, standardError: values.count < 2 ? 0 : sqrt(squares / (n - 1) / n), count: values.count)
    }

    public init(rateOf hits: [Bool]) { self.init(meanOf: hits.map { $0 ? 1 : 0 }) }
}
