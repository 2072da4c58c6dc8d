package import Checkpoint
import Evaluation
import Foundation
import Selection
import Tensors

/// Carries a study out: own refusals → scores → masks → every condition evaluated → table and report.
///
/// All fleet work goes through `ModelRunner`, all text through `TextCodec`; what is computed follows from the study alone.
package final class StudyRun {
    let study: Study
    let runner: any ModelRunner
    let codec: any TextCodec
    let model: any WeightSource
    let modelDigest: String
    let folder: RunFolder
    let exporter: (any ModelExporter)?
    let announce: (String) -> Void
    let judges: Judges
    let files: DataFiles
    let evaluator: Evaluator
    let maps: [MapShape]
    var masks: [String: Mask] = [:]
    var restrictions: RestrictionMasks
    var lowRanks: [String: LowRankEdit] = [:]
    var calibrated: [Study.Side: [Pair]] = [:]
    var probe: HeadProbe?
    var overlaps: [OverlapTable] = []
    var warnings: [String] = []
    let shared: SharedFiles?
    let caching: CachingRunner?

    /// Reads every file the study names; nothing is computed before all of them are sound.
    /// - Parameters:
    ///   - cache: what other studies computed; `nil`: everything is computed here.
    ///   - announce: gets a line at the start of every step.
    package init(
        _ study: Study, runner: any ModelRunner, codec: any TextCodec, model: any WeightSource, modelDigest: String,
        folder: RunFolder, exporter: (any ModelExporter)?, cache: ResultCache? = nil,
        announce: @escaping (String) -> Void
    ) throws {
        self.study = study
        if let cache {
            let keys = CacheKeys(modelDigest: modelDigest, kernels: runner.kernels)
            let runner = CachingRunner(runner, cache: cache, keys: keys, say: announce)
            (self.runner, caching, shared) = (runner, runner, SharedFiles(cache, keys, folder.ledger))
        } else {
            (self.runner, caching, shared) = (runner, nil, nil)
        }
        self.codec = codec
        self.model = model
        self.modelDigest = modelDigest
        self.folder = folder
        self.exporter = exporter
        self.announce = announce
        files = DataFiles(maxSkipped: study.maxSkipped, codec: codec, say: announce)
        judges = try JudgeFile.judges(phrases: study.refusalPhrases, files)
        evaluator = try Evaluator(
            study.evaluation, seed: study.seed, batchTokens: study.batchTokens, maxPositions: model.config.maxPositions,
            codec: codec, files: files)
        maps = WeightScores.maps(of: model.config)
        warnings = evaluator.warnings
        try study.check(files, codec: codec)
        try study.check(model.config)
        restrictions = RestrictionMasks(study, folder: folder, config: model.config, modelDigest: modelDigest)
    }

    /// Which model everything belongs to that is written.
    var provenance: Provenance { Provenance(model: modelDigest, name: study.modelName) }

    package func run() async throws -> StudyResults {
        try await runner.apply(edit: nil)
        try await score()
        try findOverlaps()
        try await probeHeads()
        for plan in study.statistics {
            try await collect(StatisticStep(plan, study: study, codec: codec, files))
        }

        // The unedited model first: the floor of coherence is calibrated on its answers.
        var results: [String: ConditionResult] = [:]
        let unedited = study.conditions.first { $0.method == .unedited }!
        announce("condition \(unedited.name)")
        let (own, gate) = try await evaluator.measureUnedited(runner, label: unedited.name)
        results[unedited.name] = try ConditionResult(
            name: unedited.name, method: unedited.words, measurement: own, attacks: evaluator.attacks, gate: gate,
            judges: judges, maps: maps)
        if evaluator.attacks.contains(where: gate.lacksFloor) {
            warnings.append("coherence: the unedited model gave no answer to calibrate the floor on; there is none")
        }
        try write(results[unedited.name]!)

        for condition in study.workOrder where condition.name != unedited.name {
            announce("condition \(condition.name): \(condition.words)")
            let result = try await self.result(of: condition, gate)
            results[condition.name] = result
            try write(result)
        }
        warnings += results.values.sorted { $0.name < $1.name }.flatMap { Self.warnings($0) }
        let all = StudyResults(
            study: study, conditions: study.conditions.map { results[$0.name]! }, gate: gate, judges: judges,
            harmful: evaluator.harmful, harmless: evaluator.harmless,
            warnings: files.notes.compactMap(\.warning) + warnings, modelDigest: modelDigest,
            codec: codec.description, thinking: codec.thinking, probe: probe, overlaps: overlaps, files: files.notes)
        return all
    }
}
