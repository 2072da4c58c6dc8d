import Checkpoint
import Experiment
import Protocol
import Selection
import StudyFile

/// What a study finds of the unedited model, and follows in it.
extension WorkCounter {
    mutating func count(_ step: DirectionStep) throws {
        let isKnown = isMade("direction \(step.plan)")
        let batches = try step.forwardBatches()
        if !step.answers.isEmpty {
            steps.append(
                .init(
                    "\(DirectionStep.label): own refusals", .answers, step.answers.map { Self.task($0) },
                    isKnown: isKnown))
        }
        steps.append(.init(DirectionStep.label, .forward, Self.tasks(batches), isKnown: isKnown))
    }

    mutating func count(_ step: LayerRangeStep) throws {
        let isKnown = isMade("layer range \(step.plan) \(study.layerCurves.map { "\($0)" } ?? "")")
        let tasks = (0..<step.trialCount).flatMap { _ in step.groups.map { Self.task($0) } }
        steps.append(.init(LayerRangeStep.label, .answers, tasks, isKnown: isKnown))
    }

    mutating func count(_ step: ReasoningStep) throws {
        let request = step.request
        let tasks = step.blocks.map { block in
            Self.tasks(block).reduce(Work.Task()) { Work.Task(tokens: $0.tokens + $1.tokens) }
        }
        let extent = StatisticExtent(
            layers: 0..<config.layerCount, examples: request.classes, classes: request.classes)
        var collecting = Work.Step(
            ReasoningStep.label, .forward, tasks, bytes: LastTokenState().byteCount(config, extent),
            isKnown: isMade("reasoning \(step.plan)"))
        collecting.collected = Work.Collected(LastTokenState(), blocks: step.blocks, classes: request.classes)
        steps.append(collecting)
    }
}
