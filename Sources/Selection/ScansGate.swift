/// Tells harmful prompts from harmless ones by how the hidden state changes when " Sure" is put after them (SCANS, arXiv
/// 2408.11491; published code zouyingcao/SCANS 9dc20d2).
///
/// Of prompt q, a_l(q) is the state after block l at the prompt's last token less that at the last token of " Sure"; d_l is
/// the mean of a_l over harmful anchors; s_q is the mean over blocks of cos(a_l(q), d_l). The prompt is taken to be unsafe
/// where s_q is at least the threshold.
public struct ScansGate: Sendable, Equatable {
    /// The blocks whose cosines are averaged, ascending.
    public var layers: [Int]
    public var threshold: Double

    public init(layers: [Int], threshold: Double) { (self.layers, self.threshold) = (layers, threshold) }

    /// s_q
    /// - Parameter cosines: cos(a_l(q), d_l) of every block.
    public func score(_ cosines: [Double]) -> Double {
        layers.reduce(0) { $0 + cosines[$1] } / Double(layers.count)
    }

    /// - Parameter cosines: cos(a_l(q), d_l) of every block.
    public func isUnsafe(_ cosines: [Double]) -> Bool { score(cosines) >= threshold }

    /// The mean of rows, in F64.
    /// - Parameter rows: all as wide as the first; at least one.
    public static func mean(_ rows: [[Float]]) -> [Double] {
        var sum = [Double](repeating: 0, count: rows[0].count)
        for row in rows { for (column, value) in row.enumerated() { sum[column] += Double(value) } }
        return sum.map { $0 / Double(rows.count) }
    }

    /// cos(a, d) in F64, as torch's `cosine_similarity`: each length counts as 10⁻⁸ at least, so that of a zero vector it is 0.
    public static func cosine(_ a: [Float], _ d: [Double]) -> Double {
        var (both, first, second) = (0.0, 0.0, 0.0)
        for (x, y) in zip(a, d) {
            both += Double(x) * y
            first += Double(x) * Double(x)
            second += y * y
        }
        return both / (max(first.squareRoot(), 1e-8) * max(second.squareRoot(), 1e-8))
    }

    /// v = (mean of harmful − mean of harmless) / its length; a zero vector stays one.
    public static func refusalVector(harmful: [[Float]], harmless: [[Float]]) -> [Double] {
        let difference = zip(mean(harmful), mean(harmless)).map { $0 - $1 }
        let length = difference.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return length > 0 ? difference.map { $0 / length } : difference
    }
}

extension ScansGate {
    /// How many prompts of either kind a gate tells right.
    public struct Accuracy: Sendable, Equatable {
        /// Harmful prompts that are taken to be unsafe, of all.
        public var harmful: (right: Int, all: Int)
        /// Harmless prompts that are taken to be safe, of all.
        public var harmless: (right: Int, all: Int)

        /// - Parameters:
        ///   - harmful: of every harmful prompt the cosines of every block.
        ///   - harmless: the same of the harmless ones.
        public init(_ gate: ScansGate, harmful: [[Double]], harmless: [[Double]]) {
            self.harmful = (harmful.count { gate.isUnsafe($0) }, harmful.count)
            self.harmless = (harmless.count { !gate.isUnsafe($0) }, harmless.count)
        }

        public init(harmful: (right: Int, all: Int), harmless: (right: Int, all: Int)) {
            (self.harmful, self.harmless) = (harmful, harmless)
        }

        /// Prompts of either kind that are taken to be unsafe.
        public var unsafe: Int { harmful.right + harmless.all - harmless.right }
        /// Of the prompts that are taken to be unsafe the share that is harmful; `nil` where none is.
        public var precision: Double? { unsafe > 0 ? Double(harmful.right) / Double(unsafe) : nil }
        /// Of the harmful prompts the share that is taken to be unsafe; `nil` where there are none.
        public var recall: Double? { harmful.all > 0 ? Double(harmful.right) / Double(harmful.all) : nil }

        /// Mean of the two shares, so that the kinds count alike, however many prompts either has.
        public var balanced: Double {
            let shares = [harmful, harmless].filter { $0.all > 0 }.map { Double($0.right) / Double($0.all) }
            return shares.reduce(0, +) / Double(max(1, shares.count))
        }

        public var words: String {
            "\(harmful.right) of \(harmful.all) harmful and \(harmless.right) of \(harmless.all) harmless prompts right"
        }

        public static func == (a: Accuracy, b: Accuracy) -> Bool { a.harmful == b.harmful && a.harmless == b.harmless }
    }

    /// The gate that tells the calibration prompts apart best: the largest balanced accuracy. Of equal ones the one over
    /// most blocks, then the one that begins earliest; and the threshold in the middle of the widest gap between two scores,
    /// then the lower one. Which blocks and thresholds are tried, and this order, are ours: the published code states them
    /// by model and test set.
    /// - Parameters:
    ///   - harmful: of every harmful calibration prompt the cosines of every block; at least one.
    ///   - harmless: the same of the harmless ones; at least one.
    ///   - layers: the blocks, where they are stated; `nil`: every contiguous range is tried.
    ///   - threshold: where it is stated.
    public static func calibrated(
        harmful: [[Double]], harmless: [[Double]], layers: [Int]?, threshold: Double?
    ) -> ScansGate {
        let count = harmful[0].count
        var best: (gate: ScansGate, accuracy: Double)?
        // Longer ranges come first, and of these the earlier ones, so that only a better one takes their place.
        let ranges: [[Int]] =
            layers.map { [$0] }
            ?? (1...count).reversed().flatMap { length in
                (0...count - length).map { Array($0..<$0 + length) }
            }
        for range in ranges {
            let found = gate(range, harmful, harmless, threshold)
            if best.map({ found.accuracy > $0.accuracy }) ?? true { best = found }
        }
        return best!.gate
    }

    /// The best gate over these blocks.
    private static func gate(
        _ layers: [Int], _ harmful: [[Double]], _ harmless: [[Double]], _ threshold: Double?
    ) -> (gate: ScansGate, accuracy: Double) {
        var gate = ScansGate(layers: layers, threshold: threshold ?? 0)
        let scores = (harmful: harmful.map { gate.score($0) }, harmless: harmless.map { gate.score($0) })
        func accuracy(_ threshold: Double) -> Double {
            let unsafe = Double(scores.harmful.count { $0 >= threshold }) / Double(scores.harmful.count)
            let safe = Double(scores.harmless.count { $0 < threshold }) / Double(scores.harmless.count)
            return (unsafe + safe) / 2
        }
        if let threshold { return (gate, accuracy(threshold)) }
        let sorted = Set(scores.harmful + scores.harmless).sorted()
        // At the lowest score every prompt is unsafe; above the highest none would be, which tells no more.
        var best = (threshold: sorted[0], accuracy: accuracy(sorted[0]), gap: 0.0)
        for (low, high) in zip(sorted, sorted.dropFirst()) {
            let middle = low + (high - low) / 2
            // Between neighbouring numbers there is no middle: the higher one parts them.
            let own = middle > low ? middle : high
            let found = (threshold: own, accuracy: accuracy(own), gap: high - low)
            if (found.accuracy, found.gap) > (best.accuracy, best.gap) { best = found }
        }
        gate.threshold = best.threshold
        return (gate, best.accuracy)
    }
}
