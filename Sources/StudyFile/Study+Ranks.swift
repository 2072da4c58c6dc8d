import Selection
import Tensors

/// Conditions at the level of ranks.
extension Study {
    /// The data sets whose subspaces on the unedited model the conditions need.
    package var rankSides: [Side] {
        Side.allCases.filter { side in
            overlap?.rank != nil
                || conditions.contains { condition in
                    switch resolved(condition.method.making) {
                    case .ranks(_, let sides): !condition.isSequential && sides.contains(side)
                    // Random ranks are those of the unedited model, whatever they are to be compared with.
                    case .randomRanks(_, let own, _): own == side
                    case .nothing, .mask, .edit, .training, .antidote, .another, .scans: false
                    }
                }
        }
    }

    /// The overlap's number of ranks against the model.
    /// - Throws: `SelectionError.rank`, naming the map.
    func checkRanks(_ maps: [WeightShape]) throws {
        if let rank = overlap?.rank {
            for map in maps { _ = try rank.directions(in: map, name: "overlap.rank") }
        }
    }
}
