/// What the plan must know about a model: bytes decide where it fits, cost how its layers are shared out.
package struct ModelPlan: Sendable, Equatable {
    package var path: String
    /// Workers whose copy of their layers has another digest are refused; `nil`: not compared.
    package var content: Content?
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

    /// What the coordinator's copy of the model holds.
    package struct Content: Sendable, Equatable, CustomStringConvertible {
        /// Of the whole model.
        package var digest: String
        /// Of what one stage computes with.
        package var stage: @Sendable (_ layers: Range<Int>, _ isFirst: Bool, _ isLast: Bool) -> String

        package init(
            digest: String, stage: @escaping @Sendable (_ layers: Range<Int>, _ isFirst: Bool, _ isLast: Bool) -> String
        ) { (self.digest, self.stage) = (digest, stage) }

        package static func == (a: Content, b: Content) -> Bool { a.digest == b.digest }
        package var description: String { digest }
    }

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
