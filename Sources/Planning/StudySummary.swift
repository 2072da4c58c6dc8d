package import Checkpoint
package import Experiment
import Protocol
package import Reporting
import Selection
import StudyFile

/// What a study will compute and store, known before it begins.
package struct StudySummary {
    let schedule: StudySchedule
    let config: ModelConfig
    var study: Study { schedule.study }
    private var evaluator: Evaluator { schedule.evaluator }

    package init(_ schedule: StudySchedule, config: ModelConfig) {
        self.schedule = schedule
        self.config = config
    }

    package func table() -> Table {
        var table = Table([.init("what", .left), .init("how much", .left)])
        let weights = WeightScores.maps(of: config).reduce(0) { $0 + $1.count }
        table.append(["weights of the linear maps", "\(weights), \(Format.bytes(weights * 4)) as f32"])
        if study.needsScores {
            let partial = study.scores.byteCount(config)
            let sides = [study.calibration?.safety, study.calibration?.utility].compactMap { $0 }
            let blockCounts = sides.map { blocks($0) }
            if study.scores.method.needsData {
                let text = blockCounts.map { $0.map(String.init) ?? "?" }.joined(separator: " + ")
                table.append(["blocks of \(study.blockExamples) examples", "\(text) (safety + utility)"])
                table.append(["partials a block", Format.bytes(partial)])
            }
            table.append(["score files", "2 × \(Format.bytes(weights * 4))"])
        }
        let ranks = schedule.scoring?.rankSides.count ?? 0
        if ranks > 0 {
            let bytes = SecondMoments().byteCount(config)
            let directions = WeightScores.maps(of: config).reduce(0) { $0 + 4 * $1.rows * $1.rank }
            table.append(["second moments a block", Format.bytes(bytes)])
            table.append(["subspace files", "\(ranks) × at most \(Format.bytes(directions))"])
        }
        if study.overlap != nil {
            table.append(["overlap of safety and utility", "of \(WeightScores.maps(of: config).count) linear maps"])
        }
        let sequential = schedule.conditions.count { !$0.blockSides.isEmpty }
        if sequential > 0 {
            table.append([
                "passes over the data, block by block", "\(sequential) × \(config.layerCount) of each data set",
            ])
        }
        for row in fineTuningRows { table.append(row) }
        table.append(["mask files", "\(schedule.maskCount) × \(Format.bytes(weights / 8))"])
        let longest = evaluator.attacks.compactMap(\.maxNewTokens).max() ?? 0
        table.append([
            "answers a condition",
            "\(evaluator.answersPerCondition) of at most \(max(longest, study.evaluation.maxNewTokens)) tokens",
        ])
        if evaluator.questionsPerCondition > 0 {
            table.append(["multiple-choice questions a condition", "\(evaluator.questionsPerCondition)"])
        }
        if study.probe != nil {
            table.append(["attention heads probed", "\(config.layerCount * config.headCount)"])
        }
        for plan in study.statistics {
            table.append(["statistic \(plan.name)", "\(plan.request.name) of two lists of prompts"])
        }
        for case .direction(let step) in schedule.steps {
            table.append(["candidates for the refusal direction", "\(step.candidateCount)"])
        }
        for case .layerRange(let step) in schedule.steps {
            table.append(["ranges of blocks asked for refusals", "about \(step.trialCount)"])
        }
        table.append(["conditions", "\(study.conditions.count)"])
        return table
    }

    /// Every condition by name, the cells of a grid by their number.
    package var conditionList: String {
        var entries: [(name: String, cells: Int)] = []
        for condition in study.conditions {
            guard let grid = condition.fineTune?.grid else {
                entries.append((condition.name, 0))
                continue
            }
            // A grid's cells follow each other.
            if entries.last?.name != grid || entries.last?.cells == 0 { entries.append((grid, 0)) }
            entries[entries.count - 1].cells += 1
        }
        return entries.map { $0.cells == 0 ? $0.name : "\($0.name) (a grid of \($0.cells))" }.joined(separator: ", ")
    }

    /// `nil` where the number of examples is only known once the model has answered.
    private func blocks(_ source: Study.PairSource) -> Int? {
        let samples: Int? =
            switch source {
            case .pairs(_, let samples): samples
            case .answers(_, _, _, let samples, _): samples
            }
        return samples.map { ($0 + study.blockExamples - 1) / study.blockExamples }
    }
}
