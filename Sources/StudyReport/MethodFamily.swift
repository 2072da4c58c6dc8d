import Selection
package import StudyFile

/// Conditions that differ in numbers only: the points of one grid.
package struct MethodFamily: Hashable, Comparable, Sendable {
    package enum Kind: Int, Hashable, Sendable, CaseIterable {
        case unedited, setDifference, orthogonalProjection, top, bottom, topUtility, bottomUtility
        case actsvdTop, actsvdKeep, actsvdBottom, actsvdTopUtility, actsvdKeepUtility, actsvdBottomUtility
        case headsTop, headsBottom, headsRandom, randomWeights, randomRanks, fineTuned, fineTunedFrozen, other

        var title: String {
            switch self {
            case .unedited: "unedited"
            case .setDifference: "set difference"
            case .orthogonalProjection: "orthogonal projection"
            case .top: "top by safety"
            case .bottom: "least by safety"
            case .topUtility: "top by utility"
            case .bottomUtility: "least by utility"
            case .actsvdTop: "ActSVD top, safety"
            case .actsvdKeep: "ActSVD keep, safety"
            case .actsvdBottom: "ActSVD least, safety"
            case .actsvdTopUtility: "ActSVD top, utility"
            case .actsvdKeepUtility: "ActSVD keep, utility"
            case .actsvdBottomUtility: "ActSVD least, utility"
            case .headsTop: "probed heads, top"
            case .headsBottom: "probed heads, least"
            case .headsRandom: "random heads"
            case .randomWeights: "random weights"
            case .randomRanks: "random ranks"
            case .fineTuned: "fine-tuned"
            case .fineTunedFrozen: "fine-tuned, weights frozen"
            case .other: "other"
            }
        }

        /// What a selection is compared with, not a method of its own.
        package var isControl: Bool { [.randomWeights, .randomRanks, .headsRandom].contains(self) }
    }

    package var kind: Kind
    /// Scored block by block on the model already edited.
    package var isSequential: Bool

    package init(_ kind: Kind, isSequential: Bool = false) {
        self.kind = kind
        self.isSequential = isSequential
    }

    /// The order of tables and figures.
    package static func < (a: MethodFamily, b: MethodFamily) -> Bool {
        (a.kind.rawValue, a.isSequential ? 1 : 0) < (b.kind.rawValue, b.isSequential ? 1 : 0)
    }

    package var title: String { kind.title + (isSequential ? ", block by block" : "") }

    /// - Parameter changesRanks: a random edit is of weights or of ranks, as what it is sized like.
    package init(_ condition: Study.Condition, changesRanks: Bool) {
        self.init(Self.kind(condition.method, changesRanks), isSequential: condition.isSequential)
    }

    private static func kind(_ method: Study.Condition.Method, _ changesRanks: Bool) -> Kind {
        switch method {
        case .unedited: return .unedited
        case .setDifference: return .setDifference
        case .ranked(let side, _, _, let order):
            let isTop = order == .largest
            return side == .safety ? (isTop ? .top : .bottom) : isTop ? .topUtility : .bottomUtility
        case .random: return changesRanks ? .randomRanks : .randomWeights
        case .heads(.top): return .headsTop
        case .heads(.bottom): return .headsBottom
        case .heads(.random): return .headsRandom
        case .fineTune(let settings): return settings.isRestricted ? .fineTunedFrozen : .fineTuned
        case .lowRank(let recipe, let side):
            let isSafety = side == .safety
            switch recipe {
            case .removeTop: return isSafety ? .actsvdTop : .actsvdTopUtility
            case .keepTop: return isSafety ? .actsvdKeep : .actsvdKeepUtility
            case .removeBottom: return isSafety ? .actsvdBottom : .actsvdBottomUtility
            case .orthogonalProjection: return .orthogonalProjection
            case .randomRanks: return .randomRanks
            }
        }
    }
}
