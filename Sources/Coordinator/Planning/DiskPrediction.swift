package import Checkpoint
import Protocol
import Selection

/// The disk that a study takes in its run's folder: files that stay, and the most that comes and goes beside them. The cache of
/// results keeps the same files (hard links): what it has already takes no more.
package struct DiskPrediction {
    package struct Part: Sendable, Equatable {
        package var name: String
        package var bytes: Int
    }

    private let study: Study
    private let config: ModelConfig
    private let work: Work
    private let maps: [MapShape]

    package init(_ study: Study, config: ModelConfig, work: Work) {
        (self.study, self.config, self.work) = (study, config, work)
        maps = WeightScores.maps(of: config)
    }

    private var weights: Int { maps.reduce(0) { $0 + $1.count } }

    /// Files that stay, at most: subspaces are smaller where the data shows fewer directions.
    package var kept: [Part] {
        let masks = study.conditions.count { $0.method.makesMask } + study.shareMasks
        let parts = [
            Part(name: "scores", bytes: study.needsScores && !isLinked ? 2 * 4 * weights : 0),
            Part(
                name: "subspaces",
                bytes: isLinked ? 0 : study.rankSides.count * maps.reduce(0) { $0 + 4 * ($1.rows + 1) * $1.rank }),
            Part(name: "masks", bytes: masks * weights / 8),
            Part(name: "changes of few ranks", bytes: study.conditions.reduce(0) { $0 + factors(of: $1) }),
            Part(name: "exported models", bytes: study.export.reduce(0) { $0 + model(of: $1) }),
        ]
        return parts.filter { $0.bytes > 0 }
    }

    /// The most that is there for a while only.
    package var passing: Part? {
        // Partials stay until the last block of their data set is in, then the sum is written beside them.
        let scoring = work.steps.filter { $0.kind == .scores && !$0.isKnown }.map { ($0.tasks.count + 1) * $0.bytes }
        let trained = study.conditions.compactMap { condition -> Int? in
            guard case .fineTune(let run) = condition.method else { return nil }
            let weights = 4 * (run.parameters == .all ? config.parameterCount : self.weights)
            let tokens = work.steps.filter { $0.kind == .training && !$0.isKnown }.map(\.tokens).max() ?? 0
            // Two checkpoints of weights and two moments; the end that conditions share, or an export's, has no moments.
            let isLong = run.checkpointEvery != nil || tokens > FineTuning.tokensBetweenCheckpoints
            return isLong ? 6 * weights : weights
        }
        let parts = [
            Part(name: "partials until they are summed", bytes: scoring.max() ?? 0),
            Part(name: "fine-tuned weights", bytes: trained.max() ?? 0),
        ]
        return parts.max { $0.bytes < $1.bytes }.flatMap { $0.bytes > 0 ? $0 : nil }
    }

    /// Scores and subspaces come from the cache.
    private var isLinked: Bool { work.steps.contains { $0.kind == .scores && $0.isKnown } }

    /// Two factors, each as wide as the change has ranks.
    private func factors(of condition: Study.Condition) -> Int {
        var method = condition.method
        if case .random(let like) = method, let other = study.conditions.first(where: { $0.name == like }) {
            method = other.method
        }
        guard case .lowRank(let recipe, _) = method else { return 0 }
        return maps.reduce(0) { sum, map in
            let projectors = (try? recipe.projectors(map, shown: [map.rank, map.rank])) ?? []
            let rank = projectors.filter { !$0.isComplement }.map(\.columns.count).min() ?? map.rank
            return sum + 4 * (map.rows + map.columns) * rank
        }
    }

    /// In 16 bits, as most checkpoints are; an adapter beside it where the change is one of few ranks.
    private func model(of name: String) -> Int {
        let condition = study.conditions.first { $0.name == name }
        return 2 * config.parameterCount + (condition.map { factors(of: $0) } ?? 0)
    }
}
