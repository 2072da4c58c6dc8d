package import Checkpoint
import Evaluation
import Foundation
import Selection
import Tensors

/// Carries a study out: own refusals → scores → masks → every condition evaluated → table and report.
///
/// All fleet work goes through `ModelRunner`, all text through `TextCodec`; what is computed follows from the study alone.
package final class StudyRun {
    private let study: Study
    private let runner: any ModelRunner
    private let codec: any TextCodec
    private let model: any WeightSource
    private let modelDigest: String
    private let folder: RunFolder
    private let exporter: (any ModelExporter)?
    private let announce: (String) -> Void
    private let judge = RefusalJudge.standard
    private let evaluator: Evaluator
    private let maps: [MapShape]
    private var masks: [String: Mask] = [:]
    private var restrictions: RestrictionMasks
    private var lowRanks: [String: LowRankEdit] = [:]
    private var calibrated: [Study.Side: [Pair]] = [:]
    private var probe: HeadProbe?
    private var overlaps: [OverlapTable] = []
    private var warnings: [String] = []
    private let shared: SharedFiles?
    private let caching: CachingRunner?

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
            (self.runner, caching, shared) = (runner, runner, SharedFiles(cache, keys))
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

    // MARK: Calibration and scores

    private func score() async throws {
        let needsScores = study.needsScores
        let sequential = Set(study.conditions.filter(\.isSequential).flatMap { study.sides(of: $0) })
        let method = study.scores.method
        let rankSides = study.rankSides
        let store = ScoreStore(
            model: model, settings: study.scores, seed: study.seed, modelDigest: modelDigest, codec: codec)
        if needsScores, !method.needsData {
            announce("\(method.rawValue) scores")
            for side in Study.Side.allCases { try store.scoreWithoutData(to: folder.scores(side.rawValue)) }
        }
        let scoresData = needsScores && method.needsData
        let cut = ScoreStore.cut(blockExamples: study.blockExamples, batchTokens: study.batchTokens)
        guard scoresData || !rankSides.isEmpty || !sequential.isEmpty, let data = study.calibration else { return }
        var jobs: [ScoreStore.Job] = []
        for (side, source) in [(Study.Side.safety, data.safety), (.utility, data.utility)] {
            guard scoresData || rankSides.contains(side) || sequential.contains(side) else { continue }
            let pairs = try await pairs(source, name: side.rawValue)
            try PairFile.write(pairs, to: folder.data(side.rawValue))
            warn(pairs.map(\.prompt), name: side.rawValue)
            calibrated[side] = pairs
            var needsMoments = rankSides.contains(side)
            if scoresData, try shared?.recall(folder.scores(side.rawValue), store.words(pairs, cut)) == true {
                announce("\(side.rawValue) scores: from the cache")
            }
            if needsMoments {
                let words = RankStore.words(try store.momentWords(pairs, cut), nil)
                if shared?.recall(folder.subspaces(side.rawValue), words) == true {
                    announce("\(side.rawValue) subspaces: from the cache")
                }
                needsMoments = !ScoreStore.isMade(folder.subspaces(side.rawValue), words)
            }
            let needsScores =
                try scoresData
                && !ScoreStore.isMade(folder.scores(side.rawValue), store.words(pairs, cut))
            guard needsScores || needsMoments else { continue }
            jobs.append(
                ScoreStore.Job(
                    name: side.rawValue, pairs: pairs, output: needsScores ? folder.scores(side.rawValue) : nil,
                    moments: needsMoments ? folder.moments(side.rawValue) : nil))
        }
        if !jobs.isEmpty { try await score(jobs, store, isScored: jobs.contains { $0.output != nil }) }
        for (side, pairs) in calibrated {
            if scoresData { try shared?.remember(folder.scores(side.rawValue), store.words(pairs, cut)) }
            guard rankSides.contains(side) else { continue }
            try shared?.remember(
                folder.subspaces(side.rawValue), RankStore.words(try store.momentWords(pairs, cut), nil))
        }
        for side in rankSides { try warnOfCaps(side.rawValue) }
    }

    private func score(_ jobs: [ScoreStore.Job], _ store: ScoreStore, isScored: Bool) async throws {
        let hasMoments = jobs.contains { $0.moments != nil }
        let what = (isScored ? ["\(study.scores.method.rawValue) scores"] : []) + (hasMoments ? ["second moments"] : [])
        announce(
            "\(what.joined(separator: " and ")) of \(jobs.map { "\($0.pairs.count) \($0.name)" }.joined(separator: " and ")) pairs"
        )
        try await store.score(
            jobs, runner: runner, codec: codec, blockExamples: study.blockExamples, batchTokens: study.batchTokens,
            reuse: true)
        for job in jobs where job.moments != nil { try await subspaces(job.name) }
    }

    /// All directions of one data set; the second moments they are made of go.
    private func subspaces(_ side: String) async throws {
        let moments = folder.moments(side)
        let output = folder.subspaces(side)
        announce("\(side) subspaces")
        try await RankStore(model.config).subspaces(
            moments: moments, limit: nil, runner: runner, to: output,
            metadata: try SafetensorsFile(path: moments).metadata)
        try FileManager.default.removeItem(atPath: moments)
    }

    private func warnOfCaps(_ side: String) throws {
        let file = try SubspaceFile(path: folder.subspaces(side))
        let capped = try maps.filter { try file.shape(of: $0.name).columns < $0.rank }
        guard let worst = try capped.min(by: { try file.shape(of: $0.name).columns < file.shape(of: $1.name).columns })
        else { return }
        warnings.append(
            "\(side): the data shows fewer directions than there are in \(capped.count) of \(maps.count) maps (least in \(worst.name): \(try file.shape(of: worst.name).columns) of \(worst.rank)); subspaces are capped at these"
        )
    }

    private func findOverlaps() throws {
        guard let plan = study.overlap else { return }
        announce("overlap of safety and utility")
        overlaps = try OverlapTable.tables(plan, folder: folder, maps: maps)
        for table in overlaps {
            try TextFile.write(table.json(), to: folder.overlap(table.measure) + ".json")
            try TextFile.write(table.csv(), to: folder.overlap(table.measure) + ".csv")
        }
    }

    private func probeHeads() async throws {
        guard let settings = study.probe else { return }
        let harmful = try settings.harmful.read(seed: study.seed, name: "probe harmful")
        let harmless = try settings.harmless.read(seed: study.seed, name: "probe harmless")
        warn(harmful + harmless, name: "probe")
        announce("probing \(model.config.layerCount * model.config.headCount) attention heads")
        let probe = try await HeadProber(harmful: harmful, harmless: harmless, seed: study.seed, c: settings.c).probe(
            model.config, codec: codec, batchTokens: study.batchTokens, runner: runner,
            features: folder.probe + ".features")
        try HeadProbeFile.write(
            probe, metadata: [("model", modelDigest), ("c", "\(settings.c)"), ("seed", "\(study.seed)")],
            to: folder.probe)
        self.probe = probe
    }

    private func pairs(_ source: Study.PairSource, name: String) async throws -> [Pair] {
        switch source {
        case .pairs(let file, let samples):
            return try Sampling.sample(
                try PairFile.read(file), count: samples, seed: study.seed, name: name, source: file)
        case .answers(let file, let limit, let keep, let samples, let maxNewTokens):
            let answers = try await OwnAnswers(
                codec: codec, judge: judge, seed: study.seed, slots: study.evaluation.slots,
                groupPrompts: study.evaluation.groupPrompts
            ).pairs(
                try Sampling.sample(
                    try PromptFile.read(file), count: limit, seed: study.seed, name: "\(name) prompts", source: file),
                source: file, keep: keep, maxNewTokens: maxNewTokens, runner: runner,
                label: "own answers (\(name))")
            if let samples, answers.count < samples {
                warnings.append(
                    "\(name): \(samples) pairs were asked for, the model's own answers gave \(answers.count)")
            }
            return try Sampling.sample(
                answers, count: samples.map { min($0, answers.count) }, seed: study.seed, name: name, source: file)
        }
    }

    private func warn(_ prompts: [String], name: String) {
        for (evaluated, kind) in [(evaluator.harmful, "harmful"), (evaluator.harmless, "harmless")] {
            guard let line = Sampling.overlapWarning(calibration: prompts, evaluation: evaluated, name: kind) else {
                continue
            }
            // The cells of a grid that see the same pairs say it once.
            if !warnings.contains("\(name): \(line)") { warnings.append("\(name): \(line)") }
        }
    }

    // MARK: Conditions

    /// Makes the condition's model current.
    private func edit(_ condition: Study.Condition) async throws -> Recipe {
        if let edit = try await lowRank(condition) {
            lowRanks[condition.name] = edit
            try await runner.apply(lowRank: edit)
            return Recipe(lowRank: edit)
        }
        if let mask = try await mask(condition) {
            try mask.write(to: folder.mask(condition.name))
            masks[condition.name] = mask
            try await runner.apply(edit: mask)
            return Recipe(mask: mask)
        }
        guard case .fineTune(let settings) = condition.method else { return Recipe() }
        let pairs = try Sampling.sample(
            try PairFile.read(settings.pairs), count: settings.samples, seed: study.seed, name: "finetune",
            source: settings.pairs)
        warn(pairs.map(\.prompt), name: settings.grid.map { "\($0), \(pairs.count) pairs" } ?? condition.name)
        let groups = try Calibration.groups(pairs, codec: codec, endOfAnswer: codec.endOfAnswer)
        // One stream for all runs of a study: with and without a frozen mask they see the same examples.
        let training = try FineTunePlan.training(
            groups, settings: settings, seed: study.seed, name: "order",
            batchTokens: settings.batchTokens ?? study.batchTokens)
        let kept = try settings.restriction.map { try restrictions.mask($0, of: condition) }
        let isRewound = settings.restriction?.kind == .rewind
        let losses = try await runner.train(
            TrainingRequest(
                training, freeze: isRewound ? nil : kept, rewind: isRewound ? kept : nil,
                isShared: study.sharing(settings).count > 1, checkpointEvery: settings.checkpointEvery),
            label: "\(condition.name): fine-tuning")
        return Recipe(
            losses: losses, restricted: kept.map { RestrictedWeights($0, of: model.config) },
            rewind: isRewound ? kept : nil)
    }

    /// What a condition did to the model.
    private struct Recipe {
        var mask: Mask?
        var lowRank: LowRankEdit?
        var losses: [Float] = []
        var restricted: RestrictedWeights?
        /// Weights that a fine-tuned model has back from the checkpoint.
        var rewind: Mask?
    }

    /// The condition's change of few ranks, where it is one.
    private func lowRank(_ condition: Study.Condition) async throws -> LowRankEdit? {
        var sides: [Study.Side]
        let recipe: RankRecipe
        switch condition.method {
        case .lowRank(let own, let side):
            (recipe, sides) = (own, [side])
            if case .orthogonalProjection = own { sides = [.safety, .utility] }
        case .random(let like):
            guard let other = lowRanks[like] else { return nil }
            let counts = Dictionary(other.maps.map { ($0.shape.name, $0.rank) }) { first, _ in first }
            recipe = .randomRanks(counts: counts, seed: study.seed)
            // Whose directions: random ones of the set that the other condition takes its own from.
            guard case .lowRank(_, let side)? = study.conditions.first(where: { $0.name == like })?.method else {
                return nil
            }
            sides = [side]
        default: return nil
        }
        if condition.isSequential { return try await blockByBlock.lowRank(condition, recipe) }
        return try await RankStore(model.config).edit(
            recipe, subspaces: try sides.map { try SubspaceFile(path: folder.subspaces($0.rawValue)) }, runner: runner,
            to: folder.edit(condition.name),
            metadata: ["condition": condition.name, "words": condition.words, "model": modelDigest])
    }

    /// So that `faultline plan` knows what the cache has.
    private func noteRecipe(_ condition: Study.Condition) throws {
        guard let shared, let caching,
            let recipe = try study.recipe(
                condition, data: { side in try calibrated[side].map { try CacheKeys.digest($0, codec: codec) } })
        else { return }
        try shared.note(recipe: recipe, weights: caching.weights)
    }

    private var blockByBlock: BlockByBlock {
        BlockByBlock(
            study: study, model: model, modelDigest: modelDigest, runner: runner, codec: codec, folder: folder,
            pairs: calibrated, shared: shared)
    }

    private func mask(_ condition: Study.Condition) async throws -> Mask? {
        var mask: Mask
        switch condition.method {
        case .unedited, .fineTune, .lowRank: return nil
        case .setDifference, .ranked:
            if condition.isSequential {
                return try await blockByBlock.mask(condition) { try Self.select(condition.method, $0)! }
            }
            let files = try study.sides(of: condition).map { try ScoreFile(path: folder.scores($0.rawValue)) }
            mask = try Self.select(condition.method, files)!
        case .heads(let selection): mask = try selection.mask(probe, in: model.config, seed: study.seed)
        case .random(let like):
            let other = masks[like]!
            mask = try Selector.mask(
                of: WeightScores.random(maps: other.maps.map(\.shape), seed: study.seed), sizedLike: other)
        }
        mask.metadata["condition"] = condition.name
        mask.metadata["selection"] = condition.words
        mask.metadata["model"] = modelDigest
        return mask
    }

    /// What a method takes of scores, which come in the order of its sides; `nil`: it takes none.
    private static func select(_ method: Study.Condition.Method, _ scores: [ScoreFile]) throws -> Mask? {
        switch method {
        case .setDifference(let p, let q, let group):
            try SetDifference.mask(safety: scores[0], q: q, utility: scores[1], p: p, group: group)
        case .ranked(_, let q, let group, let order):
            try Selector.mask(of: scores[0], percent: q, name: "q", group: group, order: order)
        case .unedited, .random, .heads, .fineTune, .lowRank: nil
        }
    }

    private func export(_ condition: Study.Condition, _ recipe: Recipe) async throws {
        guard let exporter else { return }
        let target = folder.model(condition.name)
        announce("writing \(target)")
        // The run's own folder: an earlier run of the same study may have left its model there.
        if FileManager.default.fileExists(atPath: target) { try FileManager.default.removeItem(atPath: target) }
        if let edit = recipe.lowRank {
            try exporter.export(lowRank: edit, to: target)
            let adapter = folder.adapter(condition.name)
            if FileManager.default.fileExists(atPath: adapter) { try FileManager.default.removeItem(atPath: adapter) }
            try exporter.exportAdapter(edit, to: adapter)
        } else if let mask = recipe.mask {
            try exporter.export(mask: mask, to: target)
        } else {
            try await exporter.exportTrained(runner, rewind: recipe.rewind, to: target)
        }
    }

    private func write(_ result: ConditionResult) throws {
        try AnswerFile.write(
            result, harmful: evaluator.harmful, harmless: evaluator.harmless, to: folder.answers(result.name))
        if !result.questions.isEmpty { try QuestionFile.write(result.questions, to: folder.questions(result.name)) }
    }
}
