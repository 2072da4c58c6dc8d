import FineTuning
import Protocol
import Tensors

/// Hands over the tensors that fine-tuning changed on this stage, f32, by their checkpoint names.
final class ExportJob: StageJob {
    private let task: UInt64
    private let context: StageContext

    init(_ task: UInt64, _ context: StageContext) {
        self.task = task
        self.context = context
    }

    func begin() throws -> [StageOutput] {
        guard let trainer = context.trainer else { throw EngineError.notTrained }
        return [
            .result(task: task, TensorBundle(metadata: ["steps": "\(context.nextStep)"], entries: trainer.tensors()))
        ]
    }

    func receive(_ packet: Packet) throws -> [StageOutput] { [] }
}
