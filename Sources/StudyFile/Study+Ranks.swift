import Selection
import Tensors

/// Conditions at the level of ranks.
extension Study {
    static let rankMethodKeys = ["actsvd_top", "actsvd_keep", "actsvd_bottom", "orthogonal_projection"]

    /// `nil` where the key is none of theirs.
    static func rankMethod(_ entry: StudyNode, _ key: String) throws(InputError) -> Condition.Method? {
        guard rankMethodKeys.contains(key) else { return nil }
        let isProjection = key == "orthogonal_projection"
        let keys = isProjection ? ["r_u", "r_s"] : ["of", "rank"]
        let node = try entry.required(key) { key throws(InputError) in try entry.mapping(key, keys: keys) }
        func amount(_ key: String) throws(InputError) -> RankAmount {
            let text = try node.required(key, node.string)
            guard let amount = RankAmount(text) else {
                throw node.error(
                    key, "= \(text) is no number of ranks: a whole number, or a share below 100% as in 2.5%")
            }
            return amount
        }
        if isProjection {
            return .lowRank(
                .orthogonalProjection(utility: try amount("r_u"), safety: try amount("r_s")), side: .safety)
        }
        let side = try node.choice("of", as: Side.self) ?? .safety
        let rank = try amount("rank")
        switch key {
        case "actsvd_top": return .lowRank(.removeTop(rank), side: side)
        case "actsvd_keep": return .lowRank(.keepTop(rank), side: side)
        default: return .lowRank(.removeBottom(rank), side: side)
        }
    }

    /// The data sets whose subspaces on the unedited model the conditions need.
    package var rankSides: [Side] {
        Side.allCases.filter { side in
            overlap?.rank != nil
                || conditions.contains { condition in
                    switch condition.method {
                    case .lowRank: !condition.isSequential && sides(of: condition).contains(side)
                    // Random ranks are those of the unedited model, whatever they are to be compared with.
                    case .random(let like):
                        conditions.contains {
                            if $0.name == like, case .lowRank(_, let own) = $0.method { return own == side }
                            return false
                        }
                    default: false
                    }
                }
        }
    }

    /// The data sets that a condition looks at, in the order its projections or rankings take them.
    package func sides(of condition: Condition) -> [Side] {
        switch condition.method {
        case .setDifference, .lowRank(.orthogonalProjection, _): [.safety, .utility]
        case .ranked(let side, _, _, _), .lowRank(_, let side): [side]
        case .unedited, .random, .heads, .fineTune: []
        }
    }

    /// Every number of ranks against the model.
    /// - Throws: `SelectionError.rank`, naming the map.
    func checkRanks(_ maps: [MapShape]) throws {
        for case .lowRank(let recipe, _) in conditions.map(\.method) {
            for map in maps { _ = try recipe.projectors(map, shown: [map.rank, map.rank]) }
        }
        if let rank = overlap?.rank {
            for map in maps { _ = try rank.directions(in: map, name: "overlap.rank") }
        }
    }
}
