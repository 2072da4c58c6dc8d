import Checkpoint
import Experiment
import ModelService
import Protocol
import Selection
import StudyFile

/// What a study finds of the unedited model, and follows in it.
extension WorkCounter {
    mutating func count(_ step: DirectionStep) throws {
        let isKnown = isKnown(search: schedule.words(step))
        if !step.answers.isEmpty {
            let isCached = answers(step.answers, of: "unedited") != nil
            steps.append(
                .init(
                    "\(DirectionStep.label): own refusals", .answers, step.answers.map { Self.task($0) },
                    isKnown: isKnown || isCached))
        }
        try collect(DirectionStep.label, step.means(step.lists, output: ""), isKnown: isKnown)
        let asked = try step.questions()
        steps.append(.init(DirectionStep.label, .forward, Self.tasks(prompts: asked.tokens), isKnown: isKnown))
        // Whole distributions come to the coordinator, which compares them.
        let most = asked.distributions.map(\.exampleCount).max() ?? 0
        steps.append(
            .init(
                DirectionStep.label, .forward, Self.tasks(prompts: asked.distributions),
                bytes: 4 * config.vocabularySize * most, isKnown: isKnown))
    }

    mutating func count(_ step: LayerRangeStep) throws {
        let isKnown = isKnown(search: try schedule.words(step, modelDigest: modelDigest))
        let tasks = (0..<step.trialCount).flatMap { _ in step.groups.map { Self.task($0) } }
        steps.append(.init(LayerRangeStep.label, .answers, tasks, isKnown: isKnown))
    }

    mutating func count(_ step: ReasoningStep) throws {
        try collect(ReasoningStep.label, step.request(output: ""))
    }

    /// What a gate is made of; conditions that steer otherwise share it.
    mutating func count(_ step: ScansStep, of name: String) throws {
        try collect("gate", of: name, step.request(name, output: ""))
    }

    /// What harmful data light up in a fine-tuned model.
    mutating func count(_ step: AntidoteStep, of name: String) {
        var collecting = Work.Step(
            "harmful data", of: name, .collecting, Self.tasks(blocks: step.blocks),
            bytes: step.statistic.byteCount(config))
        collecting.collected = Work.Collected(step.statistic, blocks: step.blocks)
        steps.append(collecting)
        steps.append(.init("selection", of: name, .selection, [.init()]))
    }

    /// What the coordinator and the workers do to make an edit.
    mutating func count(_ cost: EditCost, of name: String) {
        if cost.selections > 0 {
            steps.append(
                .init("selection", of: name, .selection, Array(repeating: .init(), count: cost.selections)))
        }
        if cost.rewrites > 0 {
            steps.append(.init("weights", of: name, .rewriting, Array(repeating: .init(), count: cost.rewrites)))
        }
    }

    /// A statistic of the unedited model that the cache keeps.
    private mutating func collect(
        _ label: String, of name: String? = nil, _ request: ScoreRequest, isKnown: Bool = false
    ) throws {
        let statistic = request.statistics[0]
        let collected = Work.Collected(
            try statistic.statistic(), blocks: request.blocks, classes: statistic.classes)
        let isCollected = try self.isKnown(request)
        var step = Work.Step(
            label, of: name, .forward, Self.tasks(blocks: request.blocks),
            bytes: collected.byteCount(config, layers: 0..<config.layerCount), isKnown: isKnown || isCollected)
        step.collected = collected
        steps.append(step)
    }
}
