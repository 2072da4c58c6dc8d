package import Checkpoint
package import Protocol
package import Selection

/// What a real model's layers take for each kind of work.
extension ModelPlan {
    /// How many times the memory of the linear maps' weights, as f32, a kind of work takes.
    package enum Copies {
        package static let reading = 1.1
        package static let scoring = 2.2
        /// Gradients and two moments beside the weights.
        package static let training = 4.2

        /// Matrices beside the linear maps: their gradients and moments, and their products with a batch's rows. The weights
        /// have to be resident, which a worker keeps within 60 % of its memory.
        package static func fineTuning(_ training: TaskBody.Training, _ config: ModelConfig) -> Double {
            guard let lora = training.lora else { return Self.training }
            let weights = Double(max(1, config.layerWeightCount * config.layerCount))
            return 1.7 + 5 * Double(weightCount(lora, config) * config.layerCount) / weights
        }

        /// Weights of A and B beside the linear maps of one layer.
        package static func weightCount(_ lora: LoRA, _ config: ModelConfig) -> Int {
            LinearMap.allCases.filter { lora.maps.contains($0.rawValue) }.reduce(0) {
                let shape = $1.shape(in: config)
                return $0 + lora.rank * (shape.rows + shape.columns)
            }
        }

        /// Second moments are summed, sent and decomposed beside the weights.
        package static func ranks(_ config: ModelConfig) -> Double {
            statistics([SecondMoments()], config, examples: 1, classes: 1)
        }

        /// What the largest of the statistics takes beside a forward pass, and each one's own tensors.
        /// - Parameter examples: of the largest block: some statistics keep rows for each.
        package static func statistics(
            _ statistics: [any Statistic], _ config: ModelConfig, examples: Int, classes: Int
        ) -> Double {
            let weights = Double(max(1, ModelFootprint(config).layerBytes * config.layerCount))
            let extent = StatisticExtent(layers: 0..<config.layerCount, examples: examples, classes: classes)
            var copies = statistics.allSatisfy { $0.room == .activations } ? reading : scoring
            var rows = 0
            for statistic in statistics {
                switch statistic.room {
                case .activations: rows += statistic.byteCount(config, extent)
                case .tensors(let times):
                    copies += Double(times) * Double(statistic.byteCount(config)) / weights
                case .weights: break
                }
            }
            // One block's rows are sent while the next one's are collected. A hundredth of the weights is within the margin
            // that reading keeps; more counts in whole tenths, so that other blocks hardly ever need another layout, for
            // which all workers would load their weights again.
            return copies + (10 * (2 * Double(rows) / weights) - 0.1).rounded(.up) / 10
        }
    }

    package init(_ config: ModelConfig, path: String = "", copies: Double, onePipeline: Bool = false) {
        let footprint = ModelFootprint(config)
        self.init(
            path: path, layerBytes: Array(repeating: footprint.layerBytes, count: config.layerCount),
            layerCost: Array(repeating: Double(config.layerWeightCount), count: config.layerCount))
        headBytes = footprint.headBytes
        // Only scored positions reach the head, about half of all.
        headCost = Double(config.vocabularySize * config.hiddenSize) / 2
        memoryMultiplier = copies
        preferOnePipeline = onePipeline
    }
}
