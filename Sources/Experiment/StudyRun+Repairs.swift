import Foundation
import ModelService
import OutputFiles
import Protocol
import Selection
import StudyFile
import Tensors

/// What LoRA fine-tuning came to, as an edit, and the conditions that begin with it.
extension StudyRun {
    /// Of the training that the runner made last, where somebody takes it.
    /// - Returns: `nil` where weights themselves are trained, or nobody asks for the edit.
    func tunedEdit(_ request: TrainingRequest, _ own: ConditionStep) async throws -> LowRankEdit? {
        guard let lora = request.training.lora, own.isExported || own.isRepaired else { return nil }
        let edit = try await runner.trainedEdit(lora)
        let written = try write(edit, of: own)
        guard let tuned = written as? LowRankEdit else { throw InternalError("a low-rank edit became another kind") }
        lowRanks[own.name] = tuned
        return tuned
    }

    /// What an earlier condition is fine-tuned to.
    func tuned(_ name: String) throws -> LowRankEdit {
        guard let edit = lowRanks[name] else { throw InternalError("condition \(name) is not fine-tuned yet") }
        return edit
    }

    /// The fine-tuned model without what the harmful pairs light up in it.
    func antidote(_ step: AntidoteStep, _ own: ConditionStep) async throws -> any WeightEdit {
        let edit = try tuned(step.method.tuned)
        try await runner.apply(edit)
        let path = folder.edit(own.name) + ".folded"
        let receipt = try await runner.score([step.request(own.name, output: path)], label: "\(own.name): harmful data")
        let pruned = try Antidote.pruned(
            edit, step.method.place, percent: step.method.percent, model: model,
            folded: try TensorBundle(mapping: path))
        let written = try write(pruned, of: own)
        try Files.remove(path)
        try runner.release(receipt)
        return written
    }
}
