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
    let judge = RefusalJudge.standard
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
        evaluator = try Evaluator(
            study.evaluation, seed: study.seed, batchTokens: study.batchTokens, maxPositions: model.config.maxPositions,
            codec: codec)
        maps = WeightScores.maps(of: model.config)
        warnings = evaluator.warnings
        try Self.checkFiles(study)
        try study.checkRanks(maps)
        try study.checkShares(model.config)
        restrictions = RestrictionMasks(study, folder: folder, config: model.config, modelDigest: modelDigest)
        let heads = model.config.layerCount * model.config.headCount
        for condition in study.conditions {
            guard case .heads(let selection) = condition.method, selection.count > heads else { continue }
            throw InputError(
                "condition \(condition.name)", "\(selection.count) heads were asked for, the model has \(heads)")
        }
    }

    private static func checkFiles(_ study: Study) throws {
        for source in [study.calibration?.safety, study.calibration?.utility] {
            switch source {
            case .pairs(let file, _)?: _ = try PairFile.read(file)
            case .answers(let prompts, _, _, _, _)?: _ = try PromptFile.read(prompts)
            case nil: break
            }
        }
        if let probe = study.probe {
            let harmful = try probe.harmful.read(seed: study.seed, name: "probe")
            let harmless = try probe.harmless.read(seed: study.seed, name: "probe")
            _ = try HeadProbe.Split(harmful.map { _ in true } + harmless.map { _ in false }, seed: study.seed)
        }
        var files: [String: [Pair]] = [:]
        for run in study.trainings {
            let pairs = try files[run.pairs] ?? PairFile.read(run.pairs)
            files[run.pairs] = pairs
            _ = try Sampling.sample(
                pairs, count: run.samples, seed: study.seed, name: "finetune", source: run.pairs)
        }
    }

    /// Which model everything belongs to that is written.
    var provenance: Provenance { Provenance(model: modelDigest, name: study.modelName) }

    package func run() async throws -> StudyResults {
        try await runner.apply(edit: nil)
        try await score()
        try findOverlaps()
        try await probeHeads()

        // The unedited model first: the floor of coherence is calibrated on its answers.
        var results: [String: ConditionResult] = [:]
        let unedited = study.conditions.first { $0.method == .unedited }!
        announce("condition \(unedited.name)")
        let (own, gate) = try await evaluator.measureUnedited(runner, label: unedited.name)
        results[unedited.name] = try ConditionResult(
            name: unedited.name, method: unedited.words, measurement: own, attacks: evaluator.attacks, gate: gate,
            judge: judge, maps: maps)
        try write(results[unedited.name]!)

        for condition in study.workOrder where condition.name != unedited.name {
            announce("condition \(condition.name): \(condition.words)")
            let recipe = try await edit(condition)
            try noteRecipe(condition)
            var measurement = try await evaluator.measure(runner, label: condition.name)
            if study.export.contains(condition.name) { try await export(condition, recipe) }
            try await runner.apply(edit: nil)
            measurement = try await evaluator.rate(measurement, runner, label: condition.name)
            let result = try ConditionResult(
                name: condition.name, method: condition.words, measurement: measurement, attacks: evaluator.attacks,
                gate: gate, judge: judge, mask: recipe.mask, lowRank: recipe.lowRank, maps: maps,
                losses: recipe.losses, restricted: recipe.restricted)
            results[condition.name] = result
            try write(result)
        }
        let all = StudyResults(
            study: study, conditions: study.conditions.map { results[$0.name]! }, gate: gate, judge: judge,
            harmful: evaluator.harmful, harmless: evaluator.harmless, warnings: warnings, modelDigest: modelDigest,
            codec: codec.description, probe: probe, overlaps: overlaps)
        return all
    }
}
