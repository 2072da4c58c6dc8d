package import Checkpoint
package import Experiment
import ModelService
import Protocol
import Scheduling
import Selection
import StudyFile

/// The disk that a study takes in its run's folder: files that stay, and the most that comes and goes beside them. The cache of
/// results keeps the same files (hard links): what it has already takes no more.
package struct DiskPrediction {
    package struct Part: Sendable, Equatable {
        package var name: String
        package var bytes: Int
    }

    private let schedule: StudySchedule
    private let config: ModelConfig
    private let work: Work
    private let maps: [WeightShape]

    package init(_ schedule: StudySchedule, config: ModelConfig, work: Work) {
        (self.schedule, self.config, self.work) = (schedule, config, work)
        maps = WeightScores.maps(of: config)
    }

    private var weights: Int { maps.reduce(0) { $0 + $1.count } }

    /// Files that stay, at most: subspaces are smaller where the data shows fewer directions.
    package var kept: [Part] {
        let ranks = schedule.scoring?.rankSides.count ?? 0
        let exported = schedule.conditions.filter(\.isExported)
        let parts = [
            Part(name: "scores", bytes: schedule.study.needsScores && !isLinked ? 2 * 4 * weights : 0),
            Part(
                name: "subspaces",
                bytes: isLinked ? 0 : ranks * maps.reduce(0) { $0 + 4 * ($1.rows + 1) * $1.rank }),
            Part(
                name: "statistics",
                bytes: schedule.statistics.filter { !isLinked($0) }.reduce(0) { $0 + $1.byteCount(config) }),
            Part(name: "first-token distributions", bytes: distributions),
            Part(name: "masks", bytes: schedule.maskCount * weights / 8 + edits),
            Part(name: "changes of few ranks", bytes: schedule.conditions.reduce(0) { $0 + factors(of: $1) }),
            Part(name: "exported models", bytes: exported.reduce(0) { $0 + model(of: $1) }),
        ]
        return parts.filter { $0.bytes > 0 }
    }

    /// The most that is there for a while only.
    package var passing: Part? {
        // Partials stay until the last block of their data set is in, then the sum is written beside them.
        let open = work.steps.filter { !$0.isKnown }
        let scoring = open.filter { $0.kind == .scores }.map { ($0.tasks.count + 1) * $0.bytes }
        let collected = open.compactMap(\.collected).map { $0.diskBytes(config) }
        let trained = schedule.conditions.compactMap { step -> Int? in
            guard case .training(let run) = step.change else { return nil }
            let weights = trainedBytes(run)
            let tokens = open.filter { $0.kind == .training || $0.kind == .lowRankTraining }.map(\.tokens).max() ?? 0
            // Two checkpoints of weights and two moments; the end that conditions share, or an export's, has no moments.
            let isLong =
                run.settings.checkpointEvery != nil || run.settings.untilLoss != nil
                || tokens > TrainingRequest.tokensBetweenCheckpoints
            return isLong ? 6 * weights : weights
        }
        let parts = [
            Part(name: "partials until they are summed", bytes: (scoring + collected).max() ?? 0),
            Part(name: "fine-tuned weights", bytes: trained.max() ?? 0),
        ]
        return parts.max { $0.bytes < $1.bytes }.flatMap { $0.bytes > 0 ? $0 : nil }
    }

    private func trainedBytes(_ run: TrainingStep) -> Int {
        if let lora = run.training.lora { return 4 * config.layerCount * ModelPlan.Copies.weightCount(lora, config) }
        return 4 * (run.training.parameters == .all ? config.parameterCount : weights)
    }

    /// Scores and subspaces come from the cache.
    private var isLinked: Bool { work.steps.contains { $0.kind == .scores && $0.isKnown } }

    private func isLinked(_ statistic: StatisticStep) -> Bool {
        work.steps.contains { $0.work == statistic.label && $0.isKnown }
    }

    /// Of the unedited model, which the others are compared with.
    private var distributions: Int {
        let compared = schedule.conditions.first { $0.isUnedited }?.questions.firstTokens.compared ?? []
        return 4 * config.vocabularySize * compared.reduce(0) { $0 + $1.exampleCount }
    }

    /// Masks inside edits of other kinds.
    private var edits: Int {
        schedule.conditions.reduce(0) { sum, step in
            guard case .antidote(let antidote) = step.change else {
                return sum + step.condition.method.cost.masks * weights / 8
            }
            return sum + (antidote.method.place == .merged ? pruned(by: antidote.method) / 8 : 0)
        }
    }

    /// Weights of the linear maps that were fine-tuned before.
    private func pruned(by method: AntidoteMethod) -> Int {
        let lora = schedule.study.conditions.first { $0.name == method.tuned }?.fineTune?.training.lora
        let names = LinearMap.allCases.filter { lora?.maps.contains($0.rawValue) == true }
        return names.reduce(0) { sum, map in
            let shape = map.shape(in: config)
            return sum + config.layerCount * shape.rows * shape.columns
        }
    }

    /// Two factors, each as wide as the change has ranks.
    private func factors(of step: ConditionStep) -> Int {
        if case .training(let run) = step.change {
            return run.training.lora != nil && (step.isExported || step.isBuiltOn) ? trainedBytes(run) : 0
        }
        let builtOn = step.condition.method.builtOn
        if !builtOn.isEmpty {
            return schedule.conditions.filter { builtOn.contains($0.name) }.reduce(0) { $0 + factors(of: $1) }
        }
        guard case .lowRank(let ranks, _) = step.change else { return 0 }
        let recipe: RankRecipe
        switch ranks {
        case .recipe(let own): recipe = own
        case .randomLike(let name, _):
            // As many ranks as the other condition takes.
            return schedule.conditions.first { $0.name == name }.map { factors(of: $0) } ?? 0
        }
        return maps.reduce(0) { sum, map in
            let projectors = (try? recipe.projectors(map, shown: [map.rank, map.rank])) ?? []
            let rank = projectors.filter { !$0.isComplement }.map(\.columns.count).min() ?? map.rank
            return sum + 4 * (map.rows + map.columns) * rank
        }
    }

    /// In 16 bits, as most checkpoints are; an adapter beside it where the change is one of few ranks.
    private func model(of step: ConditionStep) -> Int { 2 * config.parameterCount + factors(of: step) }
}
