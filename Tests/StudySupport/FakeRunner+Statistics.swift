import Checkpoint
import ModelService
import Protocol
import Selection
import Tensors
import TestSupport

/// Statistics of prompts that nobody computes.
extension FakeRunner {
    /// Head 1 of the last layer tells harmful prompts from others; the other heads show the prompt's length only.
    func headOutputs(_ request: ScoreRequest) throws {
        let batches = request.blocks.flatMap { $0 }
        note("head outputs of \(batches.reduce(0) { $0 + $1.sequences.count }) sequences")
        let codec = ByteCodec()
        var prompts: [[Int32]] = []
        for batch in batches {
            let shared = Set(batch.sequences.compactMap(\.prefix))
            for (index, sequence) in batch.sequences.enumerated() where !shared.contains(index) {
                prompts.append((sequence.prefix.map { batch.sequences[$0].tokens } ?? []) + sequence.tokens)
            }
        }
        let config = model.config
        let columns = config.headCount * config.headDim
        try TensorBundle(
            entries: (0..<config.layerCount).map { layer in
                let values = prompts.flatMap { prompt in
                    (0..<columns).map { column in
                        let tells = layer == config.layerCount - 1 && column / config.headDim == 1
                        let harm = codec.decode(prompt).contains("harm")
                        return tells ? (harm ? Float(1) : -1) : Float(prompt.count % 3)
                    }
                }
                return .init(
                    name: StatisticName.headOutput(layer: layer), type: .f32, shape: [prompts.count, columns],
                    buffer: AlignedBuffer(values))
            }
        ).write(safetensors: request.output)
    }

    /// Any statistic of prompts, every element of its tensors 1.
    func ones(_ request: ScoreRequest) throws {
        note("statistics \(request.name) \(request.blocks.count)")
        let config = model.config
        let examples = request.blocks.flatMap { $0 }.reduce(0) { $0 + $1.exampleCount }
        let tensors = try request.statistics.flatMap { asked in
            try asked.statistic().tensors(
                config,
                StatisticExtent(layers: 0..<config.layerCount, examples: examples, classes: asked.classes))
        }
        try TensorBundle(
            entries: tensors.map { tensor in
                let count = tensor.shape.reduce(1, *)
                let ones =
                    tensor.type == .f64
                    ? AlignedBuffer(doubles: [Double](repeating: 1, count: count))
                    : AlignedBuffer([Float](repeating: 1, count: count))
                return .init(name: tensor.name, type: tensor.type, shape: tensor.shape, buffer: ones)
            }
        ).write(safetensors: request.output)
    }
}
