import Selection

extension Study.Condition.Method {
    /// For tables and reports.
    package var words: String {
        switch self {
        case .unedited: "unedited"
        case .setDifference(let p, let q, let group): "set difference p=\(p)% q=\(q)% per \(group.rawValue)"
        case .ranked(let side, let q, let group, let order):
            "\(order == .largest ? "top" : "bottom") \(q)% by \(side.rawValue) per \(group.rawValue)"
        case .heads(let selection): selection.words
        case .random(let like): "random, sized like \(like)"
        case .lowRank(let recipe, let side):
            if case .orthogonalProjection = recipe { recipe.words } else { "\(recipe.words) by \(side.rawValue)" }
        case .fineTune(let settings):
            settings.words
        }
    }
}
