public import Checkpoint

/// What of attention is one unit. The paper's unit is a channel; which one is removed whole it leaves open.
public enum AttentionUnit: String, Sendable, Codable, CaseIterable {
    /// A query head.
    case head
    /// A head of keys and values with all query heads that read it; without grouped queries the same as `head`.
    case group
    /// An input channel of the output projection.
    case channel

    /// Input channels of the output projection that are one unit.
    func width(in config: ModelConfig) -> Int {
        switch self {
        case .head: config.headDim
        case .group: config.headDim * config.headCount / config.keyValueHeadCount
        case .channel: 1
        }
    }
}

/// The units of a model (arXiv 2410.10862, section 3): of attention and of the MLP of every layer, each some consecutive
/// input channels of the projection that ends the module.
public struct UnitLayout: Sendable, Equatable {
    /// The attention or the MLP of one layer.
    public struct Module: Sendable, Equatable {
        public let layer: Int
        /// The projection whose input channels are units: output or down.
        public let map: LinearMap
        /// Units.
        public let count: Int
        /// Input channels of one unit.
        public let width: Int

        public var weight: String { map.weightName(layer: layer) }
    }

    public let attention: AttentionUnit
    /// Layer by layer, attention before the MLP. Ties between units go to the earlier one in this order.
    public let modules: [Module]

    public init(_ config: ModelConfig, attention: AttentionUnit) {
        self.attention = attention
        modules = (0..<config.layerCount).flatMap { layer in
            UnitVariance.maps.map { map in
                let width = map == .down ? 1 : attention.width(in: config)
                return Module(layer: layer, map: map, count: map.shape(in: config).columns / width, width: width)
            }
        }
    }

    /// Units of the model.
    public var count: Int { modules.reduce(0) { $0 + $1.count } }

    /// All weights of some units: with them zero, nothing of a unit's channels goes on.
    ///
    /// Of a unit of the MLP they are its row of gate and up and its column of down. Of attention they are the columns of the
    /// output projection; the rows of v that only such columns read; and the rows of q, and of k, of heads that are chosen
    /// whole. Under grouped queries k and v stay as long as a head that reads them does.
    /// - Parameter chosen: for every module, which of its units.
    public func mask(of chosen: [[Bool]], in config: ModelConfig) -> Mask {
        precondition(
            chosen.count == modules.count && zip(chosen, modules).allSatisfy { $0.count == $1.count },
            "choices of other units")
        var maps: [Mask.Map] = []
        for layer in 0..<config.layerCount {
            let channels = (0..<2).map { number in
                let module = modules[2 * layer + number]
                return chosen[2 * layer + number].flatMap { Array(repeating: $0, count: module.width) }
            }
            let bits = Self.bits(attention: channels[0], mlp: channels[1], config)
            for shape in WeightScores.maps(of: config, layer: layer) { maps.append(Self.map(shape, bits)) }
        }
        return Mask(maps: maps)
    }

    /// The chosen rows, or columns, of every map of a layer by its name's end.
    private static func bits(attention: [Bool], mlp: [Bool], _ config: ModelConfig) -> [LinearMap: [Bool]] {
        let (dim, heads) = (config.headDim, config.headCount)
        let shared = heads / config.keyValueHeadCount
        let isWhole = (0..<heads).map { head in attention[head * dim..<(head + 1) * dim].allSatisfy { $0 } }
        var (k, v): ([Bool], [Bool]) = ([], [])
        for group in 0..<config.keyValueHeadCount {
            let readers = group * shared..<(group + 1) * shared
            k += Array(repeating: readers.allSatisfy { isWhole[$0] }, count: dim)
            v += (0..<dim).map { channel in readers.allSatisfy { attention[$0 * dim + channel] } }
        }
        return [
            .q: isWhole.flatMap { Array(repeating: $0, count: dim) }, .k: k, .v: v, .o: attention, .gate: mlp, .up: mlp,
            .down: mlp,
        ]
    }

    private static func map(_ shape: WeightShape, _ chosen: [LinearMap: [Bool]]) -> Mask.Map {
        var bits = BitSet(size: shape.count)
        for (map, lines) in chosen where shape.name.hasSuffix(".\(map.rawValue).weight") {
            let isByColumn = UnitVariance.maps.contains(map)
            for (line, isChosen) in lines.enumerated() where isChosen {
                if isByColumn {
                    for row in 0..<shape.rows { bits[row * shape.columns + line] = true }
                } else {
                    for column in 0..<shape.columns { bits[line * shape.columns + column] = true }
                }
            }
        }
        return Mask.Map(shape: shape, bits: bits)
    }
}
