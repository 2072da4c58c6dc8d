package import Checkpoint
package import Datasets
import Evaluation
import Protocol
import Selection
package import StudyFile

/// What a study does, step by step, with what the fleet is asked in every step.
///
/// It is made once, of the study and its files: `StudyRun` carries the steps out, and the plan counts the same steps. A
/// request that depends on an earlier step's result (the text of an answer, a mask) is made by one function of its step; the
/// plan calls that function with stand-ins.
package struct StudySchedule: Sendable {
    package enum Step: Sendable {
        /// Scores that take no data: the coordinator makes them alone.
        case scoresWithoutData
        case pairs(PairStep)
        /// Scores and second moments of all data sets in one job, and the subspaces of the moments.
        case scores(ScoreStep)
        case overlap(Study.OverlapSettings)
        case probe(ProbeStep)
        /// A statistic of the study's own.
        case statistic(StatisticStep)
        /// The study's refusal direction is found.
        case direction(DirectionStep)
        /// Curves over layers, of a statistic's file.
        case layerCurves(Study.LayerCurvePlan)
        /// The study's safety layers are found.
        case layerRange(LayerRangeStep)
        /// The direction of the reasoning is followed, block by block.
        case reasoning(ReasoningStep)
        /// A condition's model is made and asked.
        case condition(ConditionStep)
        /// The unedited model rates the answers of these conditions.
        case ratings([ConditionStep])
    }

    package let study: Study
    package let evaluator: Evaluator
    package let codec: any TextCodec
    package let steps: [Step]
    let judges: Judges

    /// Reads and tokenises every file of the study, so that bad input ends a run before it begins.
    /// - Parameter files: reads the files, and counts what of them cannot be used.
    /// - Throws: `InputError`, `EvaluationError`, `PackingError`, and `SelectionError` where there are too few prompts to probe
    ///   with.
    package init(
        _ study: Study, config: ModelConfig, codec: any TextCodec, files: DataFiles = DataFiles()
    ) throws {
        (self.study, self.codec) = (study, codec)
        judges = try JudgeFile.judges(phrases: study.refusalPhrases, names: study.judges, files)
        evaluator = try Evaluator(
            study.evaluation, seed: study.seed, batchTokens: study.batchTokens, maxPositions: config.maxPositions,
            vocabulary: config.vocabularySize, codec: codec, files: files)
        var steps: [Step] = []
        if study.needsScores, !study.scores.method.needsData { steps.append(.scoresWithoutData) }
        for side in Study.Side.allCases {
            // What no condition needs is checked, too.
            guard let source = study.calibration?[side] else { continue }
            let step = try PairStep(side, source, study: study, judge: judges.own, codec: codec, files)
            if study.calibratedSides.contains(side) { steps.append(.pairs(step)) }
        }
        let scored = ScoreStep(study)
        if !scored.parts.isEmpty { steps.append(.scores(scored)) }
        if let overlap = study.overlap { steps.append(.overlap(overlap)) }
        if let probe = study.probe { steps.append(.probe(try ProbeStep(probe, study: study, codec: codec, files))) }
        steps += try study.statistics.map { .statistic(try StatisticStep($0, study: study, codec: codec, files)) }
        if let plan = study.refusalDirection {
            steps.append(.direction(try DirectionStep(plan, study: study, config: config, codec: codec, files)))
        }
        if let curves = study.layerCurves {
            try Self.check(curves, steps)
            steps.append(.layerCurves(curves))
        }
        if let plan = study.layerRange {
            steps.append(.layerRange(try LayerRangeStep(plan, study: study, config: config, codec: codec, files)))
        }
        if let plan = study.reasoningCurves {
            steps.append(.reasoning(try ReasoningStep(plan, study: study, codec: codec, files)))
        }
        steps += try Self.conditions(study, evaluator, judges, longest: config.maxPositions, codec, files)
        self.steps = steps
    }

    /// Pairs of one kind are of two prompts.
    private static func check(_ curves: Study.LayerCurvePlan, _ steps: [Step]) throws(SelectionError) {
        for case .statistic(let step) in steps where step.plan.name == curves.statistic {
            for (list, texts) in zip(step.plan.lists, step.prompts) where texts.count < 2 {
                throw .tooFew(
                    what: "\(list.name) prompts of statistic \(curves.statistic) to make pairs of", wanted: 2,
                    available: texts.count)
            }
        }
    }

    /// The unedited model comes first, and its answers are rated at once: the floor of coherence is calibrated on them. All
    /// others are rated at the end, so that the fleet goes back to the unedited model once.
    private static func conditions(
        _ study: Study, _ evaluator: Evaluator, _ judges: Judges, longest: Int, _ codec: any TextCodec,
        _ files: DataFiles
    ) throws -> [Step] {
        let questions = try (unedited: evaluator.questions(isUnedited: true), edited: evaluator.questions())
        var trainings = TrainingSteps(study, codec: codec, files: files)
        let all = try study.workOrder.map { condition in
            let defence = try condition.defence.map {
                try DefenceStep(
                    $0, of: condition.name, study: study, evaluator: evaluator, judges: judges, longest: longest, files)
            }
            return ConditionStep(
                condition, of: study, change: try change(condition, of: study, evaluator, &trainings, codec, files),
                questions: try defence?.questions() ?? (condition.isUnedited ? questions.unedited : questions.edited),
                defence: defence)
        }
        let (own, others) = (all.filter(\.isUnedited), all.filter { !$0.isUnedited })
        return own.map { .condition($0) } + [.ratings(own)]
            + (others.isEmpty ? [] : others.map { .condition($0) } + [.ratings(others)])
    }

    private static func change(
        _ condition: Study.Condition, of study: Study, _ evaluator: Evaluator, _ trainings: inout TrainingSteps,
        _ codec: any TextCodec, _ files: DataFiles
    ) throws -> ConditionStep.Change {
        switch study.resolved(condition.method.making) {
        case .nothing: .none
        case .mask(let choose): .mask(choose)
        case .edit(let make): .edit(make)
        case .ranks(let recipe, let sides): .lowRank(.recipe(recipe), sides)
        case .randomRanks(let like, let side, let seed): .lowRank(.randomLike(like, seed: seed), [side])
        case .training(let settings): .training(try trainings.step(settings))
        case .antidote(let method):
            .antidote(try AntidoteStep(method, study: study, codec: codec, files))
        case .another(let name): .another(name)
        case .scans(let method):
            .scans(try ScansStep(method, study: study, evaluator: evaluator, codec: codec, files))
        }
    }

    /// Every condition in the order of work.
    package var conditions: [ConditionStep] {
        steps.compactMap { if case .condition(let step) = $0 { step } else { nil } }
    }

    /// Statistics of the study's own.
    package var statistics: [StatisticStep] {
        steps.compactMap { if case .statistic(let step) = $0 { step } else { nil } }
    }

    /// Mask files: those of conditions, and those that are no condition's own, since a grid's cells share them.
    package var maskCount: Int {
        conditions.count { if case .mask = $0.change { true } else { false } } + study.shareMasks
    }

    /// The scores and moments that are wanted of the unedited model.
    package var scoring: ScoreStep? {
        for case .scores(let step) in steps { return step }
        return nil
    }
}
