import FineTuning
import Protocol
import Stages
import Tensors

/// Hands over the tensors that fine-tuning changed on this stage, f32, by their checkpoint names; with `moments` all that
/// its next step depends on.
///
/// The tensors are the trainer's own memory. That is safe because the tasks of a training run one after the other: the
/// next step begins when this result is with the coordinator.
final class ExportJob: StageJob {
    private let task: UInt64
    private let context: StageContext
    private let moments: Bool

    init(_ task: UInt64, _ context: StageContext, moments: Bool) {
        self.task = task
        self.context = context
        self.moments = moments
    }

    func begin() throws -> [StageOutput] {
        guard let trainer = context.trainer else { throw EngineError.notTrained }
        guard !moments || !trainer.isFinal else { throw EngineError.badState("it holds no moments") }
        return [
            .result(
                task: task,
                TensorBundle(
                    metadata: ["steps": "\(context.nextStep)"], entries: trainer.tensors(moments: moments)))
        ]
    }

    func receive(_ packet: Packet) throws -> [StageOutput] { [] }
}
