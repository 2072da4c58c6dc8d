package import Checkpoint
package import Selection
package import Tensors

/// Ranks are removed or kept: ActSVD, and the orthogonal projection (arXiv 2402.05162, section 3.3).
package struct LowRankMethod: ConditionMethod {
    private static let projection = "orthogonal_projection"
    package static let keys = ["actsvd_top", "actsvd_keep", "actsvd_bottom", projection]
    package static func axes(of key: String) -> [ListAxis] {
        key == projection ? [ListAxis(key: "r_u"), ListAxis(key: "r_s")] : [ListAxis(key: "rank")]
    }

    package var recipe: RankRecipe
    /// Whose subspace, where one is enough.
    package var side: Study.Side

    package init(_ recipe: RankRecipe, side: Study.Side) { (self.recipe, self.side) = (recipe, side) }

    /// Reads the numbers of ranks, and the data set that decides them.
    /// - Throws: `InputError` with file, line and the key's path.
    package init(_ entry: ConditionEntry) throws(InputError) {
        let isProjection = entry.key == Self.projection
        let node = try entry.settings(isProjection ? ["r_u", "r_s"] : ["of", "rank"])
        func amount(_ key: String) throws(InputError) -> RankAmount {
            let text = try node.required(key, node.string)
            guard let amount = RankAmount(text) else {
                throw node.error(
                    key, "= \(text) is no number of ranks: a whole number, or a share below 100% as in 2.5%")
            }
            return amount
        }
        if isProjection {
            recipe = .orthogonalProjection(utility: try amount("r_u"), safety: try amount("r_s"))
            side = .safety
            return
        }
        side = try node.choice("of", as: Study.Side.self) ?? .safety
        let rank = try amount("rank")
        recipe =
            entry.key == "actsvd_top"
            ? .removeTop(rank) : entry.key == "actsvd_keep" ? .keepTop(rank) : .removeBottom(rank)
    }

    package var title: String {
        if case .orthogonalProjection = recipe { recipe.title } else { "\(recipe.title) by \(side.rawValue)" }
    }

    package func family(_ extent: EditExtent) -> ConditionFamily {
        let isSafety = side == .safety
        return switch recipe {
        case .removeTop: isSafety ? .actsvdTop : .actsvdTopUtility
        case .keepTop: isSafety ? .actsvdKeep : .actsvdKeepUtility
        case .removeBottom: isSafety ? .actsvdBottom : .actsvdBottomUtility
        case .orthogonalProjection: .orthogonalProjection
        case .randomRanks: .randomRanks
        }
    }

    package var coordinates: [GridAxis] {
        switch recipe {
        case .orthogonalProjection(let utility, let safety): [Self.axis("r_u", utility), Self.axis("r_s", safety)]
        case .removeTop(let amount), .keepTop(let amount), .removeBottom(let amount): [Self.axis("rank", amount)]
        case .randomRanks: []
        }
    }

    private static func axis(_ name: String, _ amount: RankAmount) -> GridAxis {
        switch amount {
        case .count(let count): GridAxis(name, "\(count)", Double(count))
        case .percent(let share): .percent(name, share)
        }
    }

    package var files: [String] { [] }
    package var sides: [Study.Side] {
        if case .orthogonalProjection = recipe { [.safety, .utility] } else { [side] }
    }
    package var needsScores: Bool { false }
    package var sequence: BlockSequence { .possible }
    package var making: Making { .ranks(recipe, sides) }

    /// Checks that there are data to make subspaces of.
    /// - Throws: `InputError` where `calibration` is missing.
    package func check(_ condition: Study.Condition, in study: Study, _ top: StudyNode) throws(InputError) {
        if study.calibration == nil {
            throw top.error("calibration", "is missing: condition \(condition.name) needs subspaces")
        }
    }

    /// Checks the numbers of ranks against every linear map of the model.
    /// - Throws: `SelectionError.rank` naming the map where one is not below the map's rank.
    package func check(_ condition: Study.Condition, against config: ModelConfig) throws {
        for map in WeightScores.maps(of: config) { _ = try recipe.projectors(map, shown: [map.rank, map.rank]) }
    }

    package func fingerprint(
        _ condition: Study.Condition, in study: Study, _ known: KnownInputs
    ) -> [String]? { condition.fingerprint }
}

extension ConditionFamily {
    package static let orthogonalProjection = ConditionFamily(2, "orthogonal projection")
    package static let actsvdTop = ConditionFamily(7, "ActSVD top, safety")
    package static let actsvdKeep = ConditionFamily(8, "ActSVD keep, safety")
    package static let actsvdBottom = ConditionFamily(9, "ActSVD least, safety")
    package static let actsvdTopUtility = ConditionFamily(10, "ActSVD top, utility")
    package static let actsvdKeepUtility = ConditionFamily(11, "ActSVD keep, utility")
    package static let actsvdBottomUtility = ConditionFamily(12, "ActSVD least, utility")
}
