package import Checkpoint
package import Selection
import Tensors

/// Which attention heads a condition removes.
package enum HeadSelection: Sendable, Equatable {
    /// The most accurate of the probe.
    case top(Int)
    case bottom(Int)
    /// A control of the same size.
    case random(Int)

    package var count: Int {
        switch self {
        case .top(let count), .bottom(let count), .random(let count): count
        }
    }

    package var needsProbe: Bool { if case .random = self { false } else { true } }

    package var title: String {
        switch self {
        case .top(let count): "without the \(count) attention heads whose probes are most accurate"
        case .bottom(let count): "without the \(count) attention heads whose probes are least accurate"
        case .random(let count): "without \(count) random attention heads"
        }
    }

    /// - Parameters:
    ///   - probe: needed where `needsProbe`.
    ///   - seed: of the random heads.
    /// - Throws: `SelectionError.tooMany` where the model has fewer heads.
    package func mask(_ probe: HeadProbe?, in config: ModelConfig, seed: UInt64) throws -> Mask {
        let total = config.layerCount * config.headCount
        guard count <= total else {
            throw SelectionError.tooMany(map: "attention heads", wanted: count, available: total)
        }
        func flat(_ head: HeadProbe.Head) -> Int { head.layer * config.headCount + head.head }
        let ranking = probe?.ranking.map(flat) ?? []
        let heads: [Int]
        switch self {
        case .random: heads = RandomStream(seed: seed, name: "heads").sample(count, of: total)
        case .top, .bottom:
            guard ranking.count == total else { throw InternalError("\(ranking.count) probed heads of \(total)") }
            heads = if case .top = self { Array(ranking.prefix(count)) } else { Array(ranking.suffix(count)) }
        }
        return try HeadMask.mask(of: heads, in: config)
    }
}
