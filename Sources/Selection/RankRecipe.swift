public import Tensors

/// What is removed of a linear map at the level of ranks (arXiv 2402.05162, section 2, ActSVD and orthogonal
/// projection).
public enum RankRecipe: Sendable, Equatable {
    /// ActSVD: W − U_r U_rᵀ W, U_r the first r directions.
    case removeTop(RankAmount)
    /// ActSVD: U_r U_rᵀ W.
    case keepTop(RankAmount)
    /// ActSVD: the least r ranks go, which keeps the top R − r.
    case removeBottom(RankAmount)
    /// W − (I − Π_u) Π_s W, Π_u and Π_s the top R − r_u and R − r_s directions; both count removed ranks.
    case orthogonalProjection(utility: RankAmount, safety: RankAmount)
    /// As many directions as stated for each map, drawn at random of all that the data shows: the control.
    case randomRanks(counts: [String: Int], seed: UInt64)
}

/// One factor of what is removed, P_n … P_1 W: the projection on some directions of a data set's subspace, or what that
/// leaves.
public struct Projector: Sendable, Equatable {
    /// 0 for the first subspace given, 1 for the second.
    public var source: Int
    public var columns: [Int]
    /// I − Q Qᵀ instead of Q Qᵀ.
    public var isComplement: Bool

    public init(source: Int, columns: [Int], isComplement: Bool) {
        self.source = source
        self.columns = columns
        self.isComplement = isComplement
    }
}

extension RankRecipe {
    /// The projectors of one map, in the order they act on W, over as few directions as say it.
    ///
    /// Where the data shows all R directions of W, the projection on the first k of them and the complement of the
    /// projection on the others are the same on W, and the smaller one is taken. Where it shows fewer (few response
    /// tokens), subspaces are capped at what it shows.
    /// - Parameter shown: directions that each subspace has for this map.
    /// - Throws: `SelectionError.rank` where a number of ranks is not below R.
    public func projectors(_ map: WeightShape, shown: [Int]) throws(SelectionError) -> [Projector] {
        let rank = map.rank
        func span(_ source: Int, _ columns: Range<Int>) -> Projector {
            Projector(source: source, columns: Array(columns), isComplement: false)
        }
        func complement(_ source: Int, _ columns: Range<Int>) -> Projector {
            Projector(source: source, columns: Array(columns), isComplement: true)
        }
        /// All but the first `kept`.
        func allBut(_ kept: Int) -> [Projector] {
            let top = min(kept, shown[0])
            return shown[0] == rank ? [span(0, top..<rank)] : [complement(0, 0..<top)]
        }
        switch self {
        case .removeTop(let amount):
            return [span(0, 0..<min(try amount.count(in: map, name: "rank"), shown[0]))]
        case .keepTop(let amount): return allBut(try amount.count(in: map, name: "rank"))
        case .removeBottom(let amount):
            let count = try amount.count(in: map, name: "rank")
            return count == 0 ? [span(0, 0..<0)] : allBut(rank - count)
        case .orthogonalProjection(let utility, let safety):
            let safetyRanks = try safety.count(in: map, name: "r_s")
            let utilityRanks = try utility.count(in: map, name: "r_u")
            return orthogonal(
                (rank - safetyRanks, shown[0] == rank, min(rank - safetyRanks, shown[0])),
                (rank - utilityRanks, shown[1] == rank, min(rank - utilityRanks, shown[1])), rank: rank)
        case .randomRanks(let counts, let seed):
            let count = min(counts[map.name] ?? 0, shown[0])
            let chosen = RandomStream(seed: seed, name: "ranks/\(map.name)").sample(count, of: shown[0]).sorted()
            return [Projector(source: 0, columns: chosen, isComplement: false)]
        }
    }

    private typealias Part = (kept: Int, isWhole: Bool, top: Int)

    private func orthogonal(_ safety: Part, _ utility: Part, rank: Int) -> [Projector] {
        let bottom = rank - utility.kept
        // (I − Π_u) over the last r_u directions where these are few, else over the first ones.
        let spansBottom = utility.isWhole && (bottom <= safety.top || bottom <= utility.top)
        let outer =
            spansBottom
            ? Projector(source: 1, columns: Array(utility.top..<rank), isComplement: false)
            : Projector(source: 1, columns: Array(0..<utility.top), isComplement: true)
        // One of the two has to be a projection on directions: they bound the rank of what is removed.
        let usesRest = spansBottom && bottom <= safety.top && safety.isWhole && rank - safety.top < safety.top
        let inner =
            usesRest
            ? Projector(source: 0, columns: Array(safety.top..<rank), isComplement: true)
            : Projector(source: 0, columns: Array(0..<safety.top), isComplement: false)
        return [inner, outer]
    }

    /// The projectors of several maps over these subspaces.
    /// - Throws: `SelectionError`.
    public func projectors(
        of maps: [WeightShape], subspaces: [SubspaceFile]
    ) throws(SelectionError) -> [(map: WeightShape, projectors: [Projector])] {
        var found: [(map: WeightShape, projectors: [Projector])] = []
        for map in maps {
            var shown: [Int] = []
            for subspace in subspaces {
                let shape = try subspace.shape(of: map.name)
                guard shape.rows == map.rows else {
                    throw .shape(map: map.name, expected: [map.rows], found: [shape.rows])
                }
                shown.append(shape.columns)
            }
            for (subspace, needed) in zip(subspaces, try directionsNeeded(map)) {
                let held = try subspace.shape(of: map.name).columns
                let isLimited = try subspace.isLimited(map)
                guard needed <= held || !isLimited else {
                    throw .file(
                        subspace.label, map: map.name,
                        fault: "holds the first \(held) directions only, \(needed) are needed: make it without --rank")
                }
            }
            found.append((map, try projectors(map, shown: shown)))
        }
        return found
    }

    /// How many of each subspace's first directions decide what is removed.
    private func directionsNeeded(_ map: WeightShape) throws(SelectionError) -> [Int] {
        switch self {
        case .removeTop(let amount), .keepTop(let amount): [try amount.count(in: map, name: "rank")]
        case .removeBottom(let amount): [map.rank - (try amount.count(in: map, name: "rank"))]
        case .orthogonalProjection(let utility, let safety):
            [map.rank - (try safety.count(in: map, name: "r_s")), map.rank - (try utility.count(in: map, name: "r_u"))]
        case .randomRanks: [map.rank]
        }
    }

    public var title: String {
        switch self {
        case .removeTop(let amount): "ActSVD, top \(amount.text) ranks removed"
        case .keepTop(let amount): "ActSVD, top \(amount.text) ranks kept"
        case .removeBottom(let amount): "ActSVD, least \(amount.text) ranks removed"
        case .orthogonalProjection(let utility, let safety):
            "orthogonal projection r_u=\(utility.text) r_s=\(safety.text)"
        case .randomRanks: "random ranks"
        }
    }
}

/// What the workers are sent of subspaces, by name.
public enum Operand {
    /// Directions of a plan's projectors.
    /// - Throws: `SelectionError.missing`.
    public static func entries(
        _ plan: [(map: WeightShape, projectors: [Projector])], subspaces: [SubspaceFile]
    ) throws(SelectionError) -> [TensorBundle.Entry] {
        var entries: [TensorBundle.Entry] = []
        for (map, projectors) in plan {
            for (step, projector) in projectors.enumerated() {
                entries.append(
                    .init(
                        name: name(projector, step: step, weight: map.name), type: .f32,
                        shape: [projector.columns.count, map.rows],
                        buffer: try subspaces[projector.source].directions(
                            of: map.name, columns: projector.columns)))
            }
        }
        return entries
    }

    /// Directions of projector `step`, one a row.
    public static func name(_ projector: Projector, step: Int, weight: String) -> String {
        "\(step).\(projector.isComplement ? complement : span).\(weight)"
    }
    public static let span = "span"
    public static let complement = "complement"
    /// Most projectors of one map.
    public static let steps = 2
}
