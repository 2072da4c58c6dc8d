package import Checkpoint
package import Selection
import Tensors

/// What of a study does not fit the model, before anything is computed.
extension Study {
    /// Every number of ranks, heads and shares against the model.
    /// - Throws: `InputError` or `SelectionError`, naming the condition or the map.
    package func check(_ config: ModelConfig) throws {
        for condition in conditions {
            try condition.method.check(condition, against: config)
            if let antidote = condition.method as? AntidoteMethod {
                try antidote.checkInputs(condition, in: self, config)
            }
        }
        try checkRanks(WeightScores.maps(of: config))
    }

    /// Every file that says which model it belongs to.
    /// - Throws: `InputError` or `SelectionError` naming the file and both models.
    package func check(belongsTo model: () throws -> Provenance) throws {
        for condition in conditions { try condition.method.check(condition, belongsTo: model) }
    }
}
