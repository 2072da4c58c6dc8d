public import Checkpoint
public import Tensors

/// How far the beginning of an answer moves the last token's hidden state away from the prompt's, block by block (SSAH, arXiv
/// 2410.10862, section 3).
///
/// The distance is 1 − cosine of two states: at the last token of a prompt, and at the last token of the prompt with some
/// tokens of an answer behind it. A benign answer begins as a refusal, a malicious one as an answer that complies. In an
/// aligned model the benign distance is the smaller one. It is a mean of distances over prompts, which is ours: the paper does
/// not say what it averages. Distances are never negated, and no curve is smoothed.
public struct ReasoningCurves: Sendable, Equatable {
    /// One place of the residual stream, with so many tokens of an answer.
    public struct Point: Sendable, Equatable {
        public var tokens: Int
        public var place: ResidualPlace
        /// The block whose output it is; the final norm's is that of the last block once more.
        public var layer: Int
        /// Mean distances, from 0 to 2.
        public var benign: Double
        public var malicious: Double

        /// |benign − malicious|.
        public var difference: Double { abs(benign - malicious) }
    }

    /// The fewest tokens first; the places in the order of the model.
    public let points: [Point]
    public let prompts: Int

    /// The classes of a statistic `LastTokenState` that the curves are made of.
    /// - Parameter tokens: how many tokens of an answer are looked at.
    public static func labels(_ tokens: [Int]) -> [String] {
        ["prompt"] + tokens.flatMap { ["benign\($0)", "malicious\($0)"] }
    }

    /// - Parameters:
    ///   - states: what `LastTokenState.finished` makes with the classes `labels(tokens)`; every class has a row a prompt, in
    ///     the same order.
    ///   - tokens: in ascending order.
    /// - Throws: `SelectionError.missing`, `.shape`; `.tooFew` where there is no prompt; `.file` where a state is zero or no
    ///   number.
    public init(_ states: TensorBundle, tokens: [Int], config: ModelConfig) throws(SelectionError) {
        var points: [Point] = []
        var prompts = 0
        for count in tokens {
            for place in ResidualPlace.places(in: 0..<config.layerCount, of: config) where place != .input(0) {
                let own = try LastTokenRows.directions(states, "prompt", place, config)
                guard !own.isEmpty else { throw .tooFew(what: "prompts to follow", wanted: 1, available: 0) }
                prompts = own.count
                let layer = if case .input(let next) = place { next - 1 } else { config.layerCount - 1 }
                let benign = try Self.distance(states, own, "benign\(count)", place, config)
                let malicious = try Self.distance(states, own, "malicious\(count)", place, config)
                points.append(
                    Point(tokens: count, place: place, layer: layer, benign: benign, malicious: malicious))
            }
        }
        (self.points, self.prompts) = (points, prompts)
    }

    /// Mean of 1 − cosine over prompts.
    private static func distance(
        _ states: TensorBundle, _ own: [[Double]], _ label: String, _ place: ResidualPlace, _ config: ModelConfig
    ) throws(SelectionError) -> Double {
        let other = try LastTokenRows.directions(states, label, place, config)
        guard other.count == own.count else {
            throw .shape(
                map: "state.\(label).\(place)", expected: [own.count, config.hiddenSize],
                found: [other.count, config.hiddenSize])
        }
        var sum = 0.0
        for (a, b) in zip(own, other) { sum += 1 - LastTokenRows.dot(a, b) }
        return sum / Double(own.count)
    }

    /// Mean over all blocks' outputs, by number of tokens. That the blocks are averaged is ours: the paper does not say which
    /// block its curve over tokens is of.
    public var overTokens: [(tokens: Int, benign: Double, malicious: Double)] {
        var curves: [(tokens: Int, benign: Double, malicious: Double)] = []
        for count in Set(points.map(\.tokens)).sorted() {
            let own = points.filter { $0.tokens == count && $0.place != .norm }
            func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
            curves.append((count, mean(own.map(\.benign)), mean(own.map(\.malicious))))
        }
        return curves
    }
}
