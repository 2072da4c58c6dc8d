import Checkpoint
import Protocol
import Stages
import Tensors
import Transformer

/// The distribution of the token after every example's last one; the last stage's result holds `next_log_probability`
/// [examples × vocabulary] F32, or [examples × tokens] F64 where tokens were named, in the batches' order.
final class NextTokenJob: StageJob {
    private let task: UInt64
    private let context: StageContext
    private let batches: [Batch]
    private let tokens: [Int32]?
    private var done = 0
    private var examples = 0
    private var values: [AlignedBuffer] = []

    init(_ task: UInt64, _ context: StageContext, batches: [Batch], tokens: [Int32]?) throws {
        self.task = task
        self.context = context
        self.batches = batches
        self.tokens = tokens
    }

    func begin() throws -> [StageOutput] { batches.isEmpty ? [result()] : [] }

    func receive(_ packet: Packet) throws -> [StageOutput] {
        let batch = try context.pack(batches[packet.index])
        let y = try context.stage.forward(context.input(packet, batch: batch), batch: batch)
        var outputs: [StageOutput] = []
        if let head = context.stage.head {
            let rows = batch.examples.map { $0.rows.upperBound - 1 }
            values.append(try head.nextTokens(y, rows: rows, tokens: tokens))
            examples += rows.count
        } else {
            outputs.append(.packet(Packet(task: task, direction: .forward, index: packet.index, payload: y)))
        }
        done += 1
        outputs.append(.retired(task: task, index: packet.index))
        if done == batches.count { outputs.append(result()) }
        return outputs
    }

    private func result() -> StageOutput {
        guard context.isLast else { return .result(task: task, TensorBundle()) }
        return .result(
            task: task,
            TensorBundle(entries: [
                .init(
                    name: ResultName.nextLogProbability, type: tokens == nil ? .f32 : .f64,
                    shape: [examples, tokens?.count ?? context.config.vocabularySize], buffer: whole())
            ]))
    }

    /// Of all batches; mostly there is one.
    private func whole() -> AlignedBuffer {
        if values.count == 1 { return values[0] }
        let whole = AlignedBuffer(byteCount: values.reduce(0) { $0 + $1.byteCount }, zeroed: false)
        var start = 0
        for part in values {
            (whole.address + start).copyMemory(from: part.address, byteCount: part.byteCount)
            start += part.byteCount
        }
        return whole
    }
}
