import Caching
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
        guard let lora = request.training.lora, own.isExported || own.isBuiltOn else { return nil }
        let path = folder.edit(own.name)
        let origin = [Provenance.modelKey: modelDigest, "training": try ModelState(request).trainedIdentity]
        if try shared?.recall(path, origin) == true { announce("\(own.name): its matrices from the cache") }
        // What is on record is not trained again.
        var edit =
            folder.ledger.holds(path, origin)
            ? try LowRankEdit(contentsOf: path) : try await runner.trainedEdit(lora)
        edit.metadata.merge(origin) { $1 }
        _ = try write(edit, of: own)
        try shared?.remember(path, origin)
        // As the file has it, so that what is built on it is the same edit in a run that takes the file over.
        let tuned = try LowRankEdit(contentsOf: path)
        lowRanks[own.name] = tuned
        return tuned
    }

    /// The change of few ranks that an earlier condition makes.
    /// - Throws: `NoNumber` where its training came to no finite numbers.
    func lowRank(of name: String) throws -> LowRankEdit {
        if let edit = lowRanks[name] { return edit }
        if case .notFinite(let reason)? = measured[name]?.remark { throw NoNumber(reason) }
        throw InternalError("condition \(name) has changed no ranks yet")
    }

    /// The fine-tuned model without what the harmful pairs light up in it.
    func antidote(_ step: AntidoteStep, _ own: ConditionStep) async throws -> any WeightEdit {
        let edit = try lowRank(of: step.method.tuned)
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
