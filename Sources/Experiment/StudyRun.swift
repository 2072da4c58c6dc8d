package import Caching
package import Checkpoint
import Datasets
import Evaluation
import Foundation
package import ModelService
import Selection
import StudyFile
import Tensors

/// Carries a study out, step by step as its schedule says: own refusals → scores → masks → every condition measured → answers
/// rated → table and report.
///
/// All fleet work goes through `ModelRunner`, all text through `TextCodec`; what is computed follows from the study alone.
package final class StudyRun {
    let study: Study
    let schedule: StudySchedule
    let runner: any ModelRunner
    let codec: any TextCodec
    let model: any WeightSource
    let modelDigest: String
    let folder: RunFolder
    let exporter: (any ModelExporter)?
    let announce: (String) -> Void
    let files: DataFiles
    let maps: [WeightShape]
    var masks: [String: Mask] = [:]
    var restrictions: RestrictionMasks
    var lowRanks: [String: LowRankEdit] = [:]
    var calibrated: [Study.Side: [Pair]] = [:]
    var probe: HeadProbe?
    var overlaps: [OverlapTable] = []
    /// Gates of SCANS so far.
    var scansFits: [ScansFit] = []
    var layerCurves: LayerCurves?
    var layerRange: LayerRangeResult?
    var reasoningCurves: ReasoningCurves?
    var warnings: [String] = []
    /// Conditions whose answers are not rated yet.
    var measured: [String: ConditionMeasurer.Measured] = [:]
    let measurer: ConditionMeasurer
    var results: [String: ConditionResult] = [:]
    let shared: SharedFiles?
    let caching: CachingRunner?

    var evaluator: Evaluator { schedule.evaluator }
    var judges: Judges { schedule.judges }

    /// - Parameters:
    ///   - cache: what other studies computed; `nil`: everything is computed here.
    ///   - announce: gets a line at the start of every step.
    package init(
        _ prepared: PreparedStudy, runner: any ModelRunner, model: any WeightSource, modelDigest: String,
        folder: RunFolder, exporter: (any ModelExporter)?, cache: ResultCache? = nil,
        announce: @escaping (String) -> Void
    ) {
        (study, schedule, files) = (prepared.study, prepared.schedule, prepared.files)
        codec = prepared.schedule.codec
        if let cache {
            let keys = CacheKeys(modelDigest: modelDigest, kernels: runner.kernels)
            let runner = CachingRunner(runner, cache: cache, keys: keys, say: announce)
            (self.runner, caching, shared) = (runner, runner, SharedFiles(cache, keys, folder.ledger))
        } else {
            (self.runner, caching, shared) = (runner, nil, nil)
        }
        self.model = model
        self.modelDigest = modelDigest
        self.folder = folder
        self.exporter = exporter
        self.announce = announce
        maps = WeightScores.maps(of: model.config)
        measurer = ConditionMeasurer(
            schedule.evaluator, judges: schedule.judges, runner: self.runner, maps: maps, announce: announce)
        warnings = schedule.evaluator.warnings
        restrictions = RestrictionMasks(study, folder: folder, model: model, modelDigest: modelDigest)
    }

    /// Which model everything belongs to that is written.
    var provenance: Provenance { Provenance(model: modelDigest, name: study.modelName) }

    /// Carries out all steps of the study in order. What is on record is not computed again.
    /// - Returns: what was measured of every condition.
    /// - Throws: what the runner throws; what a step throws where a file of the run cannot be read or written.
    package func run() async throws -> StudyResults {
        try await runner.apply(nil)
        for step in schedule.steps { try await carryOut(step) }
        warnings += results.values.sorted { $0.name < $1.name }.flatMap { Self.warnings($0) }
        var finished = StudyResults(
            study: study, conditions: study.conditions.map { results[$0.name]! }, gate: try measurer.gates,
            judges: judges, harmful: evaluator.harmful, harmless: evaluator.harmless,
            warnings: files.notes.compactMap(\.warning) + warnings, modelDigest: modelDigest,
            codec: codec.description, thinking: codec.thinking, probe: probe, overlaps: overlaps,
            layerCurves: layerCurves, files: files.notes,
            refusalTokens: measurer.firstTokens.flatMap { evaluator.text(refusalTokens: $0) })
        finished.kernels = runner.kernels
        (finished.layerRange, finished.reasoningCurves) = (layerRange, reasoningCurves)
        return finished
    }

    private func carryOut(_ step: StudySchedule.Step) async throws {
        switch step {
        case .scoresWithoutData: try scoreWithoutData()
        case .pairs(let step): try await collect(step)
        case .scores(let step): try await score(step)
        case .overlap(let plan): try findOverlaps(plan)
        case .probe(let step): try await probeHeads(step)
        case .statistic(let step): try await collect(step)
        case .direction(let step): try await findDirection(step)
        case .layerCurves(let plan): try drawCurves(plan)
        case .layerRange(let step): try await findRange(step)
        case .reasoning(let step): try await followReasoning(step)
        case .condition(let step): try await measure(step)
        case .ratings(let steps): try await rate(steps)
        }
    }
}
