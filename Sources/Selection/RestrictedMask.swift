public import Checkpoint

/// Masks of a wanted size, for fine-tuning under restriction (paper §5, Table 3).
public enum RestrictedMask {
    /// The first `q` % of every group by safety, weights among utility's first `p` % passed over: the set difference
    /// S(p, q′) whose q′ is as large as that size takes. With p = 0 it is the safety ranking's own top.
    /// - Parameters:
    ///   - q: percent of the linear maps' weights, at most 100 − p.
    ///   - utility: not read where p = 0.
    /// - Throws: `SelectionError`; both score sets must cover the same matrices.
    public static func ranked(
        safety: some ScoreSource, q: Double, utility: (some ScoreSource)?, p: Double, group: Group
    ) throws -> Mask {
        try TopK.check(percent: q, name: "q")
        try TopK.check(percent: p, name: "p")
        guard p > 0 else { return try Selector.mask(of: safety, percent: q, name: "q", group: group) }
        guard let utility else { preconditionFailure("p = \(p) needs utility scores") }
        guard q <= limit(p: p) else { throw SelectionError.percentOutOfRange(name: "q + p", value: q + p) }
        let spared = try Selector.mask(of: utility, percent: p, name: "p", group: group)
        let bits = Dictionary(spared.maps.map { ($0.shape.name, $0) }) { first, _ in first }
        let rest = ComputedScores(label: safety.label, maps: safety.maps) { map, scores in
            guard let spared = bits[map.name] else {
                throw SelectionError.missing(map: map.name, source: utility.label)
            }
            try map.check(spared.shape)
            try safety.withScores(of: map) { _ = scores.update(fromContentsOf: $0) }
            // Below every score: what is spared comes last, and no size that is allowed reaches it.
            for index in scores.indices where spared.bits[index] { scores[index] = -.infinity }
        }
        return try Selector.mask(of: rest, percent: q, name: "q", group: group)
    }

    /// Percent of the linear maps' weights that are left where utility keeps its first `p` %.
    public static func limit(p: Double) -> Double { 100 - p }

    /// Mean score of every layer's weights, over all its linear maps.
    /// - Throws: `SelectionError.notANumber`, or what the source throws.
    public static func layerMeans(_ scores: some ScoreSource, of config: ModelConfig) throws -> [Double] {
        let known = Dictionary(scores.maps.map { ($0.name, $0) }) { first, _ in first }
        return try (0..<config.layerCount).map { layer in
            var (sum, count) = (0.0, 0)
            for shape in WeightScores.maps(of: config, layer: layer) {
                guard let map = known[shape.name] else {
                    throw SelectionError.missing(map: shape.name, source: scores.label)
                }
                try shape.check(map)
                try scores.withScores(of: map) { values in
                    for index in values.indices {
                        guard !values[index].isNaN else {
                            throw SelectionError.notANumber(map: map.name, index: index)
                        }
                        sum += Double(values[index])
                    }
                }
                count += map.count
            }
            return sum / Double(count)
        }
    }

    /// How many whole layers come nearest to `percent` % of the linear maps' weights: at least one, of two the fewer.
    public static func layerCount(percent: Double, of config: ModelConfig) -> Int {
        let layers = percent * Double(config.layerCount) / 100
        return min(config.layerCount, max(1, Int((layers - 0.5 - 1e-9).rounded(.up))))
    }

    /// All linear maps of some decoder layers. (Their norms and biases belong to no mask.)
    public static func layers(_ layers: some Sequence<Int>, of config: ModelConfig) -> Mask {
        let chosen = Set(layers)
        return Mask(
            maps: (0..<config.layerCount).flatMap { layer in
                WeightScores.maps(of: config, layer: layer).map {
                    Mask.Map(shape: $0, bits: BitSet(size: $0.count, filled: chosen.contains(layer)))
                }
            })
    }

    /// Whole decoder blocks: their linear maps with the biases, and the norms over heads.
    /// - Parameter norms: the norms before attention and MLP as well.
    public static func blocks(_ blocks: Range<Int>, norms: Bool, of config: ModelConfig) -> Mask {
        var mask = layers(blocks, of: config)
        let prefixes = blocks.map { "model.layers.\($0)." }
        for (name, shape) in config.tensorShapes where shape.count == 1 {
            guard prefixes.contains(where: { name.hasPrefix($0) }), norms || !name.hasSuffix("layernorm.weight") else {
                continue
            }
            mask.maps.append(
                Mask.Map(
                    shape: WeightShape(name: name, rows: 1, columns: shape[0]),
                    bits: BitSet(size: shape[0], filled: true)))
        }
        return mask
    }

    /// All weights of the linear maps that a mask does not choose.
    public static func complement(of mask: Mask, _ config: ModelConfig) -> Mask {
        let chosen = Dictionary(mask.maps.map { ($0.shape.name, $0.bits) }) { first, _ in first }
        return Mask(
            maps: WeightScores.maps(of: config).map { shape in
                let all = BitSet(size: shape.count, filled: true)
                return Mask.Map(shape: shape, bits: chosen[shape.name].map { all.subtracting($0) } ?? all)
            })
    }
}
