import Protocol
import Stages
import Tensors
import Transformer

/// Log-probabilities of the scored tokens of all batches, in order; the last stage's result holds
/// `log_probability` F32 [targets] and `greedy` U8 [targets].
final class LikelihoodJob: StageJob {
    private let task: UInt64
    private let context: StageContext
    private let batches: [Batch]
    private var done = 0
    private var values: [Float] = []
    private var greedy: [UInt8] = []

    init(_ task: UInt64, _ context: StageContext, batches: [Batch]) throws {
        self.task = task
        self.context = context
        self.batches = batches
    }

    func begin() throws -> [StageOutput] { batches.isEmpty ? [result()] : [] }

    func receive(_ packet: Packet) throws -> [StageOutput] {
        let batch = try context.pack(batches[packet.index])
        let y = try context.stage.forward(context.input(packet, batch: batch), batch: batch)
        var outputs: [StageOutput] = []
        if let head = context.stage.head {
            let (logs, hits) = try head.logProbabilities(y, batch: batch)
            values += logs
            greedy += hits.map { $0 ? 1 : 0 }
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
                    name: ResultName.logProbability, type: .f32, shape: [values.count], buffer: AlignedBuffer(values)),
                .init(name: ResultName.greedy, type: .u8, shape: [greedy.count], buffer: AlignedBuffer(bytes: greedy)),
            ]))
    }
}
