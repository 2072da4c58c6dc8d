public import Checkpoint
public import Tensors

#if canImport(Glibc)
    import Glibc
#endif

/// How alike the last tokens' hidden states of two prompts are after every block, for pairs of normal prompts, of malicious
/// ones, and of one of each (Safety Layers, arXiv 2408.17003, section 3).
///
/// The means are over the pairs. The angle is the arc cosine of the mean cosine, as in the published code, not a mean angle.
public struct LayerCurves: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        case normalNormal = "normal-normal"
        case maliciousMalicious = "malicious-malicious"
        case normalMalicious = "normal-malicious"
    }

    /// One place of the residual stream.
    public struct Point: Sendable, Equatable {
        public var place: ResidualPlace
        /// The block whose output it is; the final norm's is that of the last block once more.
        public var layer: Int
        /// Mean cosine of the pairs of each kind.
        public var cosines: [Kind: Double]

        /// In degrees.
        public func angle(_ kind: Kind) -> Double { acos(min(1, max(-1, cosines[kind]!))) * 180 / .pi }
        /// Angle of normal–malicious pairs less that of normal–normal ones, in degrees.
        public var gap: Double { angle(.normalMalicious) - angle(.normalNormal) }
    }

    public let points: [Point]
    /// Pairs of each kind.
    public let pairs: Int
    public let seed: UInt64

    /// The published number of pairs.
    public static let standardPairs = 500

    /// - Parameters:
    ///   - states: a file of `LastTokenState`.
    ///   - pairs: drawn of each kind, the same for all places. Two prompts of a pair of one kind differ.
    /// - Throws: `SelectionError.missing`, `.shape`; `.tooFew` where there are less than two prompts of a kind; `.file` where
    ///   a state is zero or no number.
    public init(
        _ states: TensorBundle, config: ModelConfig, pairs: Int = standardPairs, seed: UInt64,
        normal: String = "harmless", malicious: String = "harmful"
    ) throws(SelectionError) {
        (self.pairs, self.seed) = (pairs, seed)
        var points: [Point] = []
        var drawn: [Kind: [(Int, Int)]] = [:]
        for place in ResidualPlace.places(in: 0..<config.layerCount, of: config) where place != .input(0) {
            let own = try Self.directions(states, normal, place, config)
            let other = try Self.directions(states, malicious, place, config)
            if drawn.isEmpty { drawn = Self.draw(pairs, own.count, other.count, seed) }
            var cosines: [Kind: Double] = [:]
            for kind in Kind.allCases {
                let first = kind == .maliciousMalicious ? other : own
                let second = kind == .normalNormal ? own : other
                let sum = drawn[kind]!.reduce(0.0) { $0 + LastTokenRows.dot(first[$1.0], second[$1.1]) }
                cosines[kind] = sum / Double(pairs)
            }
            let layer = if case .input(let next) = place { next - 1 } else { config.layerCount - 1 }
            points.append(Point(place: place, layer: layer, cosines: cosines))
        }
        self.points = points
    }

    /// A class's states, of length 1.
    private static func directions(
        _ states: TensorBundle, _ label: String, _ place: ResidualPlace, _ config: ModelConfig
    ) throws(SelectionError) -> [[Double]] {
        let rows = try LastTokenRows.directions(states, label, place, config)
        guard rows.count > 1 else {
            throw .tooFew(what: "\(label) prompts to make pairs of", wanted: 2, available: rows.count)
        }
        return rows
    }

    /// Draw i of a kind depends on seed, kind and i alone.
    private static func draw(_ pairs: Int, _ normal: Int, _ malicious: Int, _ seed: UInt64) -> [Kind: [(Int, Int)]] {
        var drawn: [Kind: [(Int, Int)]] = [:]
        for kind in Kind.allCases {
            let stream = RandomStream(seed: seed, name: "layer curves/\(kind.rawValue)")
            drawn[kind] = (0..<pairs).map { draw in
                let first = stream.integer(2 * draw, below: kind == .maliciousMalicious ? malicious : normal)
                guard kind != .normalMalicious else { return (first, stream.integer(2 * draw + 1, below: malicious)) }
                let second = stream.integer(2 * draw + 1, below: (kind == .normalNormal ? normal : malicious) - 1)
                return (first, second < first ? second : second + 1)
            }
        }
        return drawn
    }
}
