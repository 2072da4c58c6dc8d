package import Checkpoint
package import Selection

/// Weights that a condition kept from fine-tuning.
package struct RestrictedWeights: Sendable, Equatable {
    package var count: Int
    package var ofMaps: Double
    package var ofParameters: Double

    package init(_ mask: Mask, of config: ModelConfig) {
        count = mask.count
        ofMaps = Double(count) / Double(max(1, config.mapWeightCount))
        ofParameters = Double(count) / Double(max(1, config.parameterCount))
    }
}
