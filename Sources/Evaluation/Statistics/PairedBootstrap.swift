import Selection

/// The bootstrap of Efron (Annals of Statistics 7, 1979) on items that two conditions share: whole items are drawn with
/// replacement, so that both conditions' numbers of an item stay together.
///
/// Draw i of repetition r is number r · n + i of a named stream of the seed, so a report is the same bytes everywhere.
public struct PairedBootstrap: Sendable {
    public static let standardRepetitions = 10_000
    /// The stream's name.
    static let stream = "bootstrap"

    public var seed: UInt64
    public var repetitions: Int

    public init(seed: UInt64, repetitions: Int = Self.standardRepetitions) {
        (self.seed, self.repetitions) = (seed, repetitions)
    }

    /// What the repetitions of a difference came to.
    public struct Outcome: Sendable, Equatable {
        /// 2.5th to 97.5th percentile, interpolated between closest ranks.
        public var interval: ConfidenceInterval
        /// Twice the smaller share of repetitions at or beyond 0, the observed one counted with them; 1 at most
        /// (Davison and Hinkley, Bootstrap Methods and their Application, 1997, chapter 4).
        public var p: Double
    }

    /// Of the mean of the groups' means; every group keeps its number of items.
    /// - Parameters:
    ///   - values: of every item, or one condition's less the other's.
    ///   - members: the items of every group (`ItemValues.members`); not empty, and none of them.
    public func mean(of values: [Double], members: [[Int]]) -> Outcome {
        let stream = RandomStream(seed: seed, name: Self.stream)
        let items = members.reduce(0) { $0 + $1.count }
        var means: [Double] = []
        means.reserveCapacity(repetitions)
        for repetition in 0..<repetitions {
            var (draw, mean) = (repetition * items, 0.0)
            for group in members {
                var sum = 0.0
                for _ in group {
                    sum += values[group[stream.integer(draw, below: group.count)]]
                    draw += 1
                }
                mean += sum / Double(group.count)
            }
            means.append(mean / Double(members.count))
        }
        return Self.outcome(means, above: means.count { $0 >= 0 }, below: means.count { $0 <= 0 })
    }

    /// Of a number made of two sums over the items drawn, such as a difference of perplexities.
    /// - Parameters:
    ///   - items: not empty; what each adds to the sums.
    ///   - statistic: of the sums.
    public func ratio<Sum>(
        _ items: [Sum], zero: Sum, add: (inout Sum, Sum) -> Void, statistic: (Sum) -> Double
    ) -> Outcome {
        let stream = RandomStream(seed: seed, name: Self.stream)
        var numbers: [Double] = []
        numbers.reserveCapacity(repetitions)
        for repetition in 0..<repetitions {
            var sum = zero
            for draw in 0..<items.count {
                add(&sum, items[stream.integer(repetition * items.count + draw, below: items.count)])
            }
            numbers.append(statistic(sum))
        }
        return Self.outcome(numbers, above: numbers.count { $0 >= 0 }, below: numbers.count { $0 <= 0 })
    }

    private static func outcome(_ numbers: [Double], above: Int, below: Int) -> Outcome {
        let sorted = numbers.sorted()
        let tail = Double(1 + min(above, below)) / Double(numbers.count + 1)
        return Outcome(
            interval: ConfidenceInterval(low: percentile(0.025, of: sorted), high: percentile(0.975, of: sorted)),
            p: min(1, 2 * tail))
    }

    private static func percentile(_ share: Double, of sorted: [Double]) -> Double {
        let rank = share * Double(sorted.count - 1)
        let lower = Int(rank)
        guard lower + 1 < sorted.count else { return sorted[sorted.count - 1] }
        return sorted[lower] + (rank - Double(lower)) * (sorted[lower + 1] - sorted[lower])
    }
}
