import Checkpoint
package import Protocol
import Tensors

/// What fine-tuning leaves: losses, weights, and the moments of their gradients.
extension TaskContract {
    /// What was trained, and for how long.
    package struct Trained: Sendable {
        package var parameters: TaskBody.Training.Parameters
        /// Optimiser steps that the weights have seen by the end of the task; `nil`: not known.
        package var steps: Int?
        /// Matrices beside the linear maps are trained in place of them.
        package var lora: LoRA?

        package init(parameters: TaskBody.Training.Parameters, steps: Int?, lora: LoRA? = nil) {
            (self.parameters, self.steps, self.lora) = (parameters, steps, lora)
        }
    }

    static func losses(steps: Int) -> ResultContract {
        // A mean of negative log-probabilities; what rounds below zero rounds by less.
        ResultContract([.init(ResultName.losses, .f32, [steps], ValueRange(-1e-3, ValueRange.finite.high))])
    }

    static func training(
        _ trained: Trained, _ model: any WeightSource, moments: Bool, layers: Range<Int>
    ) -> ResultContract {
        var contract = ResultContract()
        for (name, shape) in trained.lora.map({ tensors(of: model, $0, layers: layers) })
            ?? tensors(of: model, trained.parameters, layers: layers)
        {
            contract.tensors.append(.init(name, .f32, shape, .finite))
            guard moments else { continue }
            contract.tensors.append(.init("adam.first." + name, .f32, shape, .finite))
            // A mean of squares.
            contract.tensors.append(.init("adam.second." + name, .f32, shape, .nonNegative))
        }
        if let steps = trained.steps { contract.metadata["steps"] = "\(steps)" }
        return contract
    }

    /// A and B beside the stage's linear maps, with their shapes.
    private static func tensors(
        of model: any WeightSource, _ lora: LoRA, layers: Range<Int>
    ) -> [(name: String, shape: [Int])] {
        layers.flatMap { layer in
            LinearMap.allCases.filter { lora.maps.contains($0.rawValue) }.flatMap { map in
                let (shape, name) = (map.shape(in: model.config), map.weightName(layer: layer))
                return [
                    (name: LoRA.a(name), shape: [lora.rank, shape.columns]),
                    (name: LoRA.b(name), shape: [shape.rows, lora.rank]),
                ]
            }
        }
    }

    /// The tensors that a stage trains, with their shapes.
    private static func tensors(
        of model: any WeightSource, _ parameters: TaskBody.Training.Parameters, layers: Range<Int>
    ) -> [(name: String, shape: [Int])] {
        let config = model.config
        var tensors: [(name: String, shape: [Int])] = []
        for layer in layers {
            for map in LinearMap.allCases {
                let shape = map.shape(in: config)
                tensors.append((map.weightName(layer: layer), [shape.rows, shape.columns]))
            }
            if parameters == .all { tensors += vectors(of: model, layer: layer) }
        }
        guard parameters == .all else { return tensors }
        let table = [config.vocabularySize, config.hiddenSize]
        let (isFirst, isLast) = (layers.lowerBound == 0, layers.upperBound == config.layerCount)
        if isLast { tensors.append(("model.norm.weight", [config.hiddenSize])) }
        // A tied embedding is the head, and trained with it.
        if isLast, !config.tiedEmbeddings { tensors.append(("lm_head.weight", table)) }
        if config.tiedEmbeddings ? isLast : isFirst { tensors.append(("model.embed_tokens.weight", table)) }
        return tensors
    }

    /// Norms and biases. Maps that are stacked have all their biases where one of them has one.
    private static func vectors(of model: any WeightSource, layer: Int) -> [(name: String, shape: [Int])] {
        let config = model.config
        let prefix = "model.layers.\(layer)."
        var vectors = ["input_layernorm.weight", "post_attention_layernorm.weight"].map {
            (name: prefix + $0, shape: [config.hiddenSize])
        }
        if config.queryKeyNorm {
            vectors += ["self_attn.q_norm.weight", "self_attn.k_norm.weight"].map { (prefix + $0, [config.headDim]) }
        }
        for stack in [[LinearMap.q, .k, .v], [.o], [.gate, .up], [.down]]
        where stack.contains(where: { model.shape(of: $0.biasName(layer: layer)) != nil }) {
            vectors += stack.map { ($0.biasName(layer: layer), [$0.shape(in: config).rows]) }
        }
        return vectors
    }
}
