package import Checkpoint
package import Selection

/// Weights that a condition kept from fine-tuning, norms and biases among them.
package struct RestrictedWeights: Sendable, Equatable {
    package var count: Int
    package var ofMaps: Double
    package var ofParameters: Double

    package init(_ mask: Mask, of config: ModelConfig) {
        count = mask.count
        let names = Set(WeightScores.maps(of: config).map(\.name))
        let ofLinear = mask.maps.reduce(0) { $0 + (names.contains($1.shape.name) ? $1.bits.count : 0) }
        ofMaps = Double(ofLinear) / Double(max(1, config.mapWeightCount))
        ofParameters = Double(count) / Double(max(1, config.parameterCount))
    }
}
