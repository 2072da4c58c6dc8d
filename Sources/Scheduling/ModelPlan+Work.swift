package import Checkpoint
package import Selection

/// What a real model's layers take for each kind of work.
extension ModelPlan {
    /// How many times the memory of the linear maps' weights, as f32, a kind of work takes.
    package enum Copies {
        package static let reading = 1.1
        package static let scoring = 2.2
        /// Gradients and two moments beside the weights.
        package static let training = 4.2

        /// Second moments are summed, sent and decomposed beside the weights.
        package static func ranks(_ config: ModelConfig) -> Double { statistics([SecondMoments()], config) }

        /// What the largest of the statistics takes beside a forward pass, and each one's own tensors.
        package static func statistics(_ statistics: [any Statistic], _ config: ModelConfig) -> Double {
            let weights = 4 * Double(max(1, config.layerWeightCount * config.layerCount))
            var copies = statistics.allSatisfy { $0.room == .activations } ? reading : scoring
            for statistic in statistics {
                guard case .tensors(let times) = statistic.room else { continue }
                copies += Double(times) * Double(statistic.byteCount(config)) / weights
            }
            return copies
        }
    }

    package init(_ config: ModelConfig, path: String = "", copies: Double, onePipeline: Bool = false) {
        let table = config.vocabularySize * config.hiddenSize
        self.init(
            path: path, layerBytes: Array(repeating: 4 * config.layerWeightCount, count: config.layerCount),
            layerCost: Array(repeating: Double(config.layerWeightCount), count: config.layerCount))
        headBytes = 4 * table
        // Only scored positions reach the head, about half of all.
        headCost = Double(table) / 2
        memoryMultiplier = copies
        preferOnePipeline = onePipeline
    }
}
