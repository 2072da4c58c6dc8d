/// What the plan must know about a model: bytes decide where it fits, cost how its layers are shared out.
package struct ModelPlan: Sendable, Equatable {
    package var path: String
    /// Workers whose copy has another digest are refused; `nil`: not compared.
    package var digest: String?
    /// Resident bytes and relative cost of every decoder layer.
    package var layerBytes: [Int]
    package var layerCost: [Double]
    package var embeddingBytes = 0
    package var embeddingCost = 0.0
    package var headBytes = 0
    package var headCost = 0.0
    /// How many copies of the weights a task keeps (1 reading, about 2 scoring, 4 training).
    package var memoryMultiplier = 1.0
    /// Fine-tuning of one model runs in one pipeline.
    package var preferOnePipeline = false
    package var maxPipelines: Int?

    package var layerCount: Int { layerBytes.count }

    /// Of a stage with these layers.
    func cost(of layers: Range<Int>) -> Double {
        layerCost[layers].reduce(0, +) + (layers.lowerBound == 0 ? embeddingCost : 0)
            + (layers.upperBound == layerCount ? headCost : 0)
    }

    package init(path: String, layerBytes: [Int], layerCost: [Double]) {
        precondition(layerBytes.count == layerCost.count, "\(layerBytes.count) layer sizes, \(layerCost.count) costs")
        self.path = path
        self.layerBytes = layerBytes
        self.layerCost = layerCost
    }
}

/// A failure of the fleet in one line for the user.
package struct FleetError: Error, Sendable, Equatable, CustomStringConvertible {
    package var description: String
    /// The user's arguments are the cause: exit code 2.
    package var isUsage: Bool
    package init(_ description: String, isUsage: Bool = false) {
        self.description = description
        self.isUsage = isUsage
    }
}
