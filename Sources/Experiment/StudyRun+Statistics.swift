import Caching
import Checkpoint
import Datasets
import ModelService
import OutputFiles
import Selection
import StudyFile
import Tensors

/// Statistics of the unedited model that the study asks for by name.
extension StudyRun {
    func collect(_ step: StatisticStep) async throws {
        let path = folder.statistic(step.plan.name)
        let provenance = try step.provenance(modelDigest: modelDigest)
        warn(step.prompts.flatMap { $0 }, name: step.label)
        if try shared?.recall(path, provenance) == true { announce("\(step.label): from the cache") }
        guard !folder.ledger.holds(path, provenance) else { return }
        announce("\(step.label) of \(step.promptCount) prompts")
        let request = step.request(output: path + ".folded")
        defer { Files.removeFile(request.output) }
        let receipt = try await runner.score([request], label: step.label)
        var named = provenance.merging(Provenance(model: modelDigest, name: study.modelName).modelMetadata) { own, _ in
            own
        }
        named[Provenance.levelKey] = runner.kernels
        try step.write(request.output, to: path, metadata: named)
        try folder.ledger.record(path)
        try shared?.remember(path, provenance)
        try runner.release(receipt)
    }

    /// Curves over layers, as a file of the run.
    func drawCurves(_ plan: Study.LayerCurvePlan) throws {
        announce("curves over layers of statistic \(plan.statistic)")
        let curves = try LayerCurves(
            try TensorBundle(mapping: folder.statistic(plan.statistic)), config: model.config, pairs: plan.pairs,
            seed: plan.seed)
        try TextFile.write(curves.csv(), to: folder.layerCurves)
        layerCurves = curves
    }
}
