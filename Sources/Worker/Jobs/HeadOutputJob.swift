import Attribution
import Checkpoint
import Protocol
import Tensors
import Transformer

/// Head outputs of all batches' prompts, in order; a stage's result holds `head_output.N` F32 [prompts × heads·headDim] for
/// each of its layers.
final class HeadOutputJob: StageJob {
    private let task: UInt64
    private let context: StageContext
    private let batches: [Batch]
    private let tap = HeadOutputs()
    private var done = 0

    init(_ task: UInt64, _ context: StageContext, batches: [Batch]) {
        self.task = task
        self.context = context
        self.batches = batches
    }

    func begin() throws -> [StageOutput] { batches.isEmpty ? [result()] : [] }

    func receive(_ packet: Packet) throws -> [StageOutput] {
        let batch = try context.pack(batches[packet.index])
        let y = try context.stage.forward(context.input(packet, batch: batch), batch: batch, tap: tap)
        var outputs: [StageOutput] = []
        if !context.isLast {
            outputs.append(.packet(Packet(task: task, direction: .forward, index: packet.index, payload: y)))
        }
        done += 1
        outputs.append(.retired(task: task, index: packet.index))
        if done == batches.count { outputs.append(result()) }
        return outputs
    }

    private func result() -> StageOutput {
        let columns = context.config.headCount * context.config.headDim
        return .result(
            task: task,
            TensorBundle(
                entries: context.stage.range.map { layer in
                    let values = tap.rows[layer] ?? []
                    return .init(
                        name: "head_output.\(layer)", type: .f32, shape: [values.count / columns, columns],
                        buffer: AlignedBuffer(values))
                }))
    }
}
