/// How many ranks of a linear map: a number, or a share of R = min(d_out, d_in), the rank of a trained W.
///
/// Maps differ in R (grouped queries), so that a share means the same in all of them.
public enum RankAmount: Sendable, Equatable, Codable {
    case count(Int)
    /// Percent of R, rounded down.
    case percent(Double)

    /// `100` or `2.5%`; `nil` for anything else.
    public init?(_ text: String) {
        if text.hasSuffix("%") {
            guard let value = Double(text.dropLast()), value >= 0, value < 100 else { return nil }
            self = .percent(value)
        } else {
            guard let value = Int(text), value >= 0 else { return nil }
            self = .count(value)
        }
    }

    public var text: String {
        switch self {
        case .count(let count): "\(count)"
        case .percent(let percent): "\(percent)%"
        }
    }

    /// Ranks of one map.
    /// - Parameter name: what the amount is called in an error.
    /// - Throws: `SelectionError.rank` where a number is not below the map's R.
    public func count(in map: WeightShape, name: String) throws(SelectionError) -> Int {
        let limit = map.rank
        switch self {
        case .percent(let percent): return TopK.count(percent: percent, of: limit)
        case .count(let count):
            guard count >= 0, count < limit else {
                throw .rank(map: map.name, name: name, value: count, limit: limit)
            }
            return count
        }
    }

    /// The same where none would leave nothing to compare.
    /// - Throws: `SelectionError.rank`, or `.noRank` where it is less than one.
    public func directions(in map: WeightShape, name: String) throws(SelectionError) -> Int {
        let count = try count(in: map, name: name)
        guard count > 0 else { throw .noRank(map: map.name, name: name, amount: text, limit: map.rank) }
        return count
    }
}

extension WeightShape {
    /// R: the largest rank the map can have, which is that of trained weights.
    public var rank: Int { min(rows, columns) }
}
