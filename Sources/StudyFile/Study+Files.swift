package import Checkpoint
import Selection
import Tensors

/// What of a study does not fit the model, before anything is computed.
extension Study {
    /// Every number of ranks, heads and shares against the model.
    /// - Throws: `InputError` or `SelectionError`, naming the condition or the map.
    package func check(_ config: ModelConfig) throws {
        try checkRanks(WeightScores.maps(of: config))
        try checkShares(config)
        let heads = config.layerCount * config.headCount
        for condition in conditions {
            guard case .heads(let selection) = condition.method, selection.count > heads else { continue }
            throw InputError(
                "condition \(condition.name)", "\(selection.count) heads were asked for, the model has \(heads)")
        }
    }
}
