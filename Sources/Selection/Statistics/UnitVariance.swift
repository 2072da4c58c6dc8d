public import Checkpoint
import Protocol
public import Tensors

/// The variance over tokens of every input channel of the output and down projections, for every class of examples: the
/// first factor of SSAH's unit score (arXiv 2410.10862, section 3).
///
/// Blocks are sums of the values and of their squares in F64, which add in block order. The square of an F32 value is exact
/// in F64, so the variance of N tokens is off by at most about N · 10⁻¹⁶ · (mean² / variance + 1) of itself.
public struct UnitVariance: Statistic {
    public static let name = "unit_variance"
    public static let optionKeys = ["tokens"]
    public static let readsPrompts = true

    /// Which tokens of an example are looked at. The paper does not say; the default is ours.
    public enum Tokens: String, Sendable, CaseIterable {
        case all, prompt, response
    }

    public let tokens: Tokens
    public var options: [String: String] { ["tokens": tokens.rawValue] }
    public var needsResponses: Bool { tokens == .response }
    public var room: StatisticRoom { .activations }

    public init(options: [String: String]) throws(SelectionError) {
        let text = options["tokens"] ?? Tokens.all.rawValue
        guard let tokens = Tokens(rawValue: text) else {
            throw .option(
                statistic: Self.name, option: "tokens", value: text,
                fault: "is unknown (known: \(Tokens.allCases.map(\.rawValue).joined(separator: ", ")))")
        }
        self.tokens = tokens
    }

    /// The projections whose input channels are units.
    public static let maps: [LinearMap] = [.o, .down]

    public func tensors(_ config: ModelConfig, _ extent: StatisticExtent) -> [StatisticTensor] {
        extent.layers.flatMap { layer in
            Self.maps.flatMap { map in
                let (weight, width) = (map.weightName(layer: layer), map.shape(in: config).columns)
                let shape = [extent.classes, width]
                return [
                    StatisticTensor(StatisticName.unit(.sum, weight), .f64, shape),
                    StatisticTensor(StatisticName.unit(.squares, weight), .f64, shape, .nonNegative),
                    StatisticTensor(StatisticName.unit(.count, weight), .f64, [extent.classes], .nonNegative),
                ]
            }
        }
    }

    /// `variance.CLASS.WEIGHT` and `mean.CLASS.WEIGHT`, F64 [d_in], and `count.CLASS`, F64 [1], the tokens of the class.
    /// - Throws: `SelectionError.missing`, `SelectionError.shape`.
    public func finished(_ combined: TensorBundle, classes: [String]) throws -> [TensorBundle.Entry] {
        var entries: [TensorBundle.Entry] = []
        let prefix = StatisticName.unit(.count, "")
        var hasCounts = false
        for entry in combined.entries where entry.name.hasPrefix(prefix) {
            let weight = String(entry.name.dropFirst(prefix.count))
            let counts = entry.buffer.doubleArray()
            let sums = try Self.values(.sum, weight, combined, classes.count)
            let squares = try Self.values(.squares, weight, combined, classes.count)
            guard counts.count == classes.count, sums.count == squares.count else {
                throw SelectionError.shape(map: entry.name, expected: [classes.count], found: entry.shape)
            }
            let width = sums.count / classes.count
            for (number, label) in classes.enumerated() {
                var (means, variances): ([Double], [Double]) = ([], [])
                for column in number * width..<(number + 1) * width {
                    means.append(counts[number] > 0 ? sums[column] / counts[number] : 0)
                    variances.append(
                        Self.variance(count: counts[number], sum: sums[column], squares: squares[column]))
                }
                for (kind, values) in [("mean", means), ("variance", variances)] {
                    entries.append(
                        .init(
                            name: "\(kind).\(label).\(weight)", type: .f64, shape: [width],
                            buffer: AlignedBuffer(doubles: values)))
                }
                guard !hasCounts else { continue }
                entries.append(
                    .init(
                        name: "count.\(label)", type: .f64, shape: [1], buffer: AlignedBuffer(doubles: [counts[number]])
                    )
                )
            }
            hasCounts = true
        }
        return entries
    }

    private static func values(
        _ kind: StatisticName.Unit, _ weight: String, _ combined: TensorBundle, _ classes: Int
    ) throws(SelectionError) -> [Double] {
        let name = StatisticName.unit(kind, weight)
        guard let entry = combined[name] else { throw .missing(map: name, source: Self.name) }
        let values = entry.buffer.doubleArray()
        guard values.count % classes == 0 else { throw .shape(map: name, expected: [classes], found: entry.shape) }
        return values
    }

    /// Σ (x − mean)² / (N − 1); 0 of fewer than two values, and where rounding would make it negative.
    static func variance(count: Double, sum: Double, squares: Double) -> Double {
        guard count > 1 else { return 0 }
        return max(0, squares - sum * (sum / count)) / (count - 1)
    }
}

extension StatisticName {
    /// What is summed of a unit's values.
    public enum Unit: String, Sendable { case sum, squares, count }

    /// F64 [classes × d_in]; of `count` [classes].
    public static func unit(_ kind: Unit, _ weight: String) -> String {
        "\(UnitVariance.name).\(kind.rawValue).\(weight)"
    }
}
