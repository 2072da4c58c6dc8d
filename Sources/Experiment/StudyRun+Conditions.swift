import Caching
import Checkpoint
import Datasets
import Evaluation
import Foundation
import ModelService
import OutputFiles
import Selection
import StudyFile
import Tensors

/// A condition's model: made current, measured, exported; its answers rated, its results written.
extension StudyRun {
    /// A condition's model, as far as an export takes it.
    struct Made {
        /// `nil`: the checkpoint, or what fine-tuning makes of it.
        var edit: (any WeightEdit)?
        /// Weights that a fine-tuned model has back from the checkpoint.
        var rewind: Mask?
        var change = ModelChange()
    }

    /// Makes the condition's model, measures it, and exports it where that is wished. Where its numbers are not finite the
    /// result says so and has no measures; the study goes on.
    func measure(_ step: ConditionStep) async throws {
        announce("condition \(step.name)" + (step.isUnedited ? "" : ": \(step.condition.title)"))
        var own = ConditionMeasurer.Measured()
        do {
            let made = try await make(step)
            own.change = made.change
            if !step.isUnedited, step.defence == nil { try noteEditKey(step.condition) }
            own.measurement = try await measurer.withFirstTokens(
                try await ask(step), step.questions, name: step.name, isUnedited: step.isUnedited)
            if step.isUnedited { warnOfRefusalTokens() }
            if step.isExported { try await export(step.condition, made) }
            own.remark = try remark(step, made)
        } catch {
            try measurer.fail(&own, name: step.name, isUnedited: step.isUnedited, error)
        }
        measured[step.name] = own
    }

    private func warnOfRefusalTokens() {
        guard study.evaluation.refusalTokens != nil, measurer.firstTokens?.refusalTokens.isEmpty == true else { return }
        warnings.append("refusal_log_odds: the unedited model refuses nothing (\(judges.own.name)): there are none")
    }

    /// Rates the answers of conditions on the unedited model, and writes their results.
    func rate(_ steps: [ConditionStep]) async throws {
        try await runner.apply(nil)
        for step in steps {
            guard let own = measured.removeValue(forKey: step.name) else {
                throw InternalError("condition \(step.name) is not measured yet")
            }
            var result = try await measurer.result(
                own, name: step.name, method: step.condition.title, isUnedited: step.isUnedited)
            result.defence = step.defence.map { .init(strategy: $0.strategy, of: $0.base?.name) }
            if step.isUnedited { try warnOfFloor() }
            results[step.name] = result
            try write(result)
        }
    }

    private func warnOfFloor() throws {
        guard evaluator.attacks.contains(where: try measurer.gates.lacksFloor) else { return }
        warnings.append("coherence: the unedited model gave no answer to calibrate the floor on; there is none")
    }

    private func remark(_ step: ConditionStep, _ made: Made) throws -> ConditionResult.Remark? {
        var reason: String?
        if let edit = made.edit { reason = try edit.reasonForNoEffect(in: model) }
        if case .training(let training) = step.change {
            reason = EditEffect.nothing(training.settings, restricted: made.change.restricted)
        }
        if let reason { return .changesNothing(reason) }
        guard made.change.restricted?.count == 0 else { return nil }
        return .keepsNothing("the mask whose weights it was to keep selects no weight, so it is a free training")
    }

    /// Makes the condition's model current.
    private func make(_ step: ConditionStep) async throws -> Made {
        switch step.change {
        // What is current may be an edit that a search tried last.
        case .none: return try await apply(nil)
        case .mask(let choose):
            let mask = try await mask(step, choose)
            masks[step.name] = mask
            return try await apply(ZeroedWeights(mask))
        case .edit(let make):
            let edit = try edit(step, make)
            if step.isBuiltOn { lowRanks[step.name] = edit as? LowRankEdit }
            return try await apply(edit)
        case .lowRank(let ranks, let sides):
            let edit = try await lowRank(step, ranks, sides)
            lowRanks[step.name] = edit
            return try await apply(edit)
        case .training(let training): return try await train(training, step)
        case .antidote(let antidote): return try await apply(try await self.antidote(antidote, step))
        case .another(let name):
            guard let name else { return try await apply(nil) }
            return try current(name)
        case .scans(let scans):
            let (edit, gate) = try await self.scans(scans, step)
            var made = try await apply(edit)
            made.change.gate = gate
            return made
        }
    }

    /// - Parameter edit: `nil`: the checkpoint.
    private func apply(_ edit: (any WeightEdit)?) async throws -> Made {
        guard let edit else {
            try await runner.apply(nil)
            return Made()
        }
        // One that changes nothing is the checkpoint, whose answers are known already.
        try await runner.apply(edit.isIdentity ? nil : edit)
        return Made(edit: edit, change: ModelChange(edit.extent))
    }

    private func train(_ step: TrainingStep, _ own: ConditionStep) async throws -> Made {
        let settings = step.settings
        warn(step.pairs.map(\.prompt), name: settings.grid.map { "\($0), \(step.pairs.count) pairs" } ?? own.name)
        let kept = try settings.restriction.map { try restrictions.mask($0, of: own.condition, made: masks) }
        let request = step.request(kept: kept)
        var change = ModelChange()
        change.losses = try await runner.train(request, label: "\(own.name): fine-tuning")
        change.training = step.outcome(change.losses)
        change.restricted = kept.map { RestrictedWeights($0, of: model.config) }
        return Made(edit: try await tunedEdit(request, own), rewind: request.rewind, change: change)
    }

    /// The condition's change of few ranks.
    private func lowRank(
        _ step: ConditionStep, _ ranks: ConditionStep.Ranks, _ sides: [Study.Side]
    ) async throws -> LowRankEdit {
        let recipe: RankRecipe
        switch ranks {
        case .recipe(let own): recipe = own
        case .randomLike(let name, let seed):
            guard let other = lowRanks[name] else { throw InternalError("condition \(name) has changed no ranks yet") }
            let counts = Dictionary(other.maps.map { ($0.shape.name, $0.rank) }) { first, _ in first }
            recipe = .randomRanks(counts: counts, seed: seed)
        }
        if !step.blockSides.isEmpty { return try await blockByBlock(step).lowRank(step.condition, recipe) }
        let edit = try await SubspaceComputation(model.config).edit(
            recipe, subspaces: try sides.map { try SubspaceFile(path: folder.subspaces($0.rawValue)) }, runner: runner,
            to: folder.edit(step.name),
            metadata: [
                "condition": step.name, "words": step.condition.title, Provenance.modelKey: modelDigest,
                Provenance.nameKey: study.modelName,
            ])
        try folder.ledger.record(folder.edit(step.name))
        return edit
    }

    /// So that `faultline plan` knows what the cache has.
    private func noteEditKey(_ condition: Study.Condition) throws {
        guard let shared, let caching,
            let editKey = try schedule.editKey(
                condition, modelDigest: modelDigest,
                data: { [calibrated, codec] side in
                    try calibrated[side].map { try CacheKeys.digest($0, codec: codec) }
                })
        else { return }
        try shared.note(editKey: editKey, weights: caching.weights)
    }

    private func blockByBlock(_ step: ConditionStep) -> BlockByBlock {
        BlockByBlock(
            study: study, sides: step.blockSides, model: model, modelDigest: modelDigest, runner: runner, codec: codec,
            folder: folder, pairs: calibrated, shared: shared)
    }

    /// The weights that the condition sets to zero, as a file of the run.
    private func mask(_ step: ConditionStep, _ choose: (EditInputs) throws -> Mask) async throws -> Mask {
        let condition = step.condition
        // One that is found block by block is the file itself.
        if !step.blockSides.isEmpty { return try await blockByBlock(step).mask(condition, inputs, choose) }
        var mask = try choose(inputs)
        mask.metadata["condition"] = condition.name
        mask.metadata["selection"] = condition.title
        mask.metadata.merge([Provenance.modelKey: modelDigest, Provenance.nameKey: study.modelName]) { $1 }
        try mask.write(to: folder.mask(condition.name))
        try folder.ledger.record(folder.mask(condition.name))
        return mask
    }

    /// The condition's edit of another kind, as a file of the run.
    private func edit(_ step: ConditionStep, _ make: (EditInputs) throws -> any WeightEdit) throws -> any WeightEdit {
        try write(try make(inputs), of: step)
    }

    /// Writes an edit into the run's folder.
    /// - Returns: the edit with what it is of.
    func write(_ made: any WeightEdit, of step: ConditionStep) throws -> any WeightEdit {
        var edit = made
        edit.metadata["condition"] = step.name
        edit.metadata["selection"] = step.condition.title
        edit.metadata.merge([Provenance.modelKey: modelDigest, Provenance.nameKey: study.modelName]) { $1 }
        try edit.bundle.write(safetensors: folder.edit(step.name))
        try folder.ledger.record(folder.edit(step.name))
        return edit
    }

    /// What the coordinator has by now.
    private var inputs: EditInputs {
        EditInputs(
            model: model, seed: study.seed, probe: probe,
            scores: { [folder] side in try ScoreFile(path: folder.scores(side.rawValue)) },
            mask: { [masks] name in
                guard let mask = masks[name] else { throw InternalError("condition \(name) has made no mask yet") }
                return mask
            },
            statistic: { [folder] name in try TensorBundle(safetensors: folder.statistic(name)) },
            direction: { [folder] in try ResidualDirection(contentsOf: folder.direction) },
            prompts: evaluator.prompts, codec: codec, files: files, lowRank: { [self] name in try lowRank(of: name) })
    }

    private func export(_ condition: Study.Condition, _ made: Made) async throws {
        guard let exporter else { return }
        let target = folder.model(condition.name)
        announce("writing \(target)")
        // The run's own folder: an earlier run of the same study may have left its model there.
        try Files.remove(target)
        if let edit = made.edit {
            try exporter.export(edit, to: target)
            guard let change = edit.adapter else { return }
            let adapter = folder.adapter(condition.name)
            try Files.remove(adapter)
            try exporter.exportAdapter(change, to: adapter)
        } else {
            try await exporter.exportTrained(
                runner, rewind: made.rewind, provenance: ["condition": condition.name, "selection": condition.title],
                to: target)
        }
    }

    private func write(_ result: ConditionResult) throws {
        try AnswerFile.write(
            result, of: provenance, judges: judges, harmful: evaluator.harmful,
            harmless: evaluator.harmless, to: folder.answers(result.name))
        if !result.questions.isEmpty {
            try QuestionFile.write(result, of: provenance, to: folder.questions(result.name))
        }
    }
}
