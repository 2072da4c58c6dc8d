import Checkpoint
import Evaluation
import Foundation
import Selection
import Tensors

/// A condition's model: made current, exported, its results written.
extension StudyRun {
    /// Makes the condition's model, measures it, and exports it where that is wished. Where its numbers are not finite the
    /// result says so and has no measures; the study goes on.
    func result(of condition: Study.Condition, _ gate: CoherenceGates) async throws -> ConditionResult {
        var recipe = Recipe()
        do {
            recipe = try await edit(condition)
            try noteRecipe(condition)
            var measurement = try await evaluator.measure(runner, label: condition.name)
            if study.export.contains(condition.name) { try await export(condition, recipe) }
            try await runner.apply(edit: nil)
            measurement = try await evaluator.rate(measurement, runner, label: condition.name)
            return try result(condition, recipe, measurement, gate, try remark(condition, recipe))
        } catch {
            guard let reason = NoNumber.reason(error) else { throw error }
            announce("condition \(condition.name): no measures: \(reason)")
            try await runner.apply(edit: nil)
            return try result(condition, recipe, nil, gate, .notFinite(reason))
        }
    }

    private func result(
        _ condition: Study.Condition, _ recipe: Recipe, _ measurement: Measurement?, _ gate: CoherenceGates,
        _ remark: ConditionResult.Remark?
    ) throws -> ConditionResult {
        try ConditionResult(
            name: condition.name, method: condition.words, measurement: measurement ?? Measurement(),
            attacks: measurement == nil ? [] : evaluator.attacks, gate: gate, judges: judges, mask: recipe.mask,
            lowRank: recipe.lowRank, maps: maps, losses: recipe.losses, restricted: recipe.restricted, remark: remark)
    }

    private func remark(_ condition: Study.Condition, _ recipe: Recipe) throws -> ConditionResult.Remark? {
        var reason: String?
        if let mask = recipe.mask { reason = try EditEffect.nothing(mask, in: model) }
        if let edit = recipe.lowRank { reason = EditEffect.nothing(edit) }
        if case .fineTune(let settings) = condition.method {
            reason = EditEffect.nothing(settings, restricted: recipe.restricted, in: model)
        }
        if let reason { return .changesNothing(reason) }
        guard recipe.restricted?.count == 0 else { return nil }
        return .keepsNothing("the mask whose weights it was to keep selects no weight, so it is a free training")
    }

    /// Makes the condition's model current.
    func edit(_ condition: Study.Condition) async throws -> Recipe {
        if let edit = try await lowRank(condition) {
            lowRanks[condition.name] = edit
            try await runner.apply(lowRank: edit)
            return Recipe(lowRank: edit)
        }
        if let mask = try await mask(condition) {
            // One that was found block by block is the file itself.
            if !condition.isSequential {
                try mask.write(to: folder.mask(condition.name))
                try folder.ledger.record(folder.mask(condition.name))
            }
            masks[condition.name] = mask
            try await runner.apply(edit: mask)
            return Recipe(mask: mask)
        }
        guard case .fineTune(let settings) = condition.method else { return Recipe() }
        let pairs = try Sampling.sample(
            try files.pairs(settings.pairs), count: settings.samples, seed: study.seed, name: "finetune",
            source: settings.pairs)
        warn(pairs.map(\.prompt), name: settings.grid.map { "\($0), \(pairs.count) pairs" } ?? condition.name)
        let groups = try Calibration.groups(pairs, codec: codec, endOfAnswer: codec.endOfAnswer)
        // One stream for all runs of a study: with and without a frozen mask they see the same examples.
        let training = try FineTunePlan.training(
            groups, settings: settings, seed: study.seed, name: "order",
            batchTokens: settings.batchTokens ?? study.batchTokens)
        let kept = try settings.restriction.map { try restrictions.mask($0, of: condition, made: masks) }
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
    struct Recipe {
        var mask: Mask?
        var lowRank: LowRankEdit?
        var losses: [Float] = []
        var restricted: RestrictedWeights?
        /// Weights that a fine-tuned model has back from the checkpoint.
        var rewind: Mask?
    }

    /// The condition's change of few ranks, where it is one.
    func lowRank(_ condition: Study.Condition) async throws -> LowRankEdit? {
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
        let edit = try await RankStore(model.config).edit(
            recipe, subspaces: try sides.map { try SubspaceFile(path: folder.subspaces($0.rawValue)) }, runner: runner,
            to: folder.edit(condition.name),
            metadata: [
                "condition": condition.name, "words": condition.words, Provenance.modelKey: modelDigest,
                Provenance.nameKey: study.modelName,
            ])
        try folder.ledger.record(folder.edit(condition.name))
        return edit
    }

    /// So that `faultline plan` knows what the cache has.
    func noteRecipe(_ condition: Study.Condition) throws {
        guard let shared, let caching,
            let recipe = try study.recipe(
                condition, data: { side in try calibrated[side].map { try CacheKeys.digest($0, codec: codec) } })
        else { return }
        try shared.note(recipe: recipe, weights: caching.weights)
    }

    var blockByBlock: BlockByBlock {
        BlockByBlock(
            study: study, model: model, modelDigest: modelDigest, runner: runner, codec: codec, folder: folder,
            pairs: calibrated, shared: shared)
    }

    func mask(_ condition: Study.Condition) async throws -> Mask? {
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
        mask.metadata.merge([Provenance.modelKey: modelDigest, Provenance.nameKey: study.modelName]) { $1 }
        return mask
    }

    /// What a method takes of scores, which come in the order of its sides; `nil`: it takes none.
    static func select(_ method: Study.Condition.Method, _ scores: [ScoreFile]) throws -> Mask? {
        switch method {
        case .setDifference(let p, let q, let group):
            try SetDifference.mask(safety: scores[0], q: q, utility: scores[1], p: p, group: group)
        case .ranked(_, let q, let group, let order):
            try Selector.mask(of: scores[0], percent: q, name: "q", group: group, order: order)
        case .unedited, .random, .heads, .fineTune, .lowRank: nil
        }
    }

    func export(_ condition: Study.Condition, _ recipe: Recipe) async throws {
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
            try await exporter.exportTrained(
                runner, rewind: recipe.rewind, words: ["condition": condition.name, "selection": condition.words],
                to: target)
        }
    }

    func write(_ result: ConditionResult) throws {
        try AnswerFile.write(
            result, of: provenance, judges: judges, harmful: evaluator.harmful,
            harmless: evaluator.harmless, to: folder.answers(result.name))
        if !result.questions.isEmpty {
            try QuestionFile.write(result, of: provenance, to: folder.questions(result.name))
        }
    }
}
