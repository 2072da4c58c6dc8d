import Evaluation
import Experiment
import Protocol
import StudyFile

/// What a defence in the prompt costs: its rounds of answers, and their rating. Its model is another condition's.
extension WorkCounter {
    /// - Throws: `InputError` where a prompt is longer than the model's context.
    mutating func count(_ step: ConditionStep, _ defence: DefenceStep) throws {
        let (symbol, weights) = try base(of: defence)
        let first = weights.flatMap { answers(defence.first, of: $0) }
        let second = try first.map { try defence.second($0) } ?? defence.secondStandIns()
        let isLastCached = first != nil && (second.isEmpty || weights.flatMap { answers(second, of: $0) } != nil)
        // A self-check's answers are those without a defence, which its base gives before.
        let isGiven = defence.strategy.check != nil
        let isFirstKnown = try isMade("\(symbol) \(Self.digest(defence.first))") || first != nil || isGiven
        steps.append(
            .init(
                defence.labels.first, of: step.name, .answers, defence.first.map { Self.task($0) },
                isKnown: isFirstKnown))
        guard !second.isEmpty else {
            if isFirstKnown { known.insert(step.name) }
            return
        }
        let name = "\(symbol) \(step.condition.title) \(try Self.digest(second))"
        let isLastKnown = isMade(name) || isLastCached
        steps.append(
            .init(
                defence.labels.second, of: step.name, .answers, second.map { Self.task($0) }, isKnown: isLastKnown))
        if isFirstKnown, isLastKnown { known.insert(step.name) }
    }

    /// What the defended model is called in this count, and what the cache knows it by.
    private func base(of defence: DefenceStep) throws -> (symbol: String, weights: String?) {
        guard let base = defence.base else { return ("unedited", "unedited") }
        if let key = editKey(base) { return (key, known(editKey: key)) }
        guard let step = schedule.conditions.first(where: { $0.name == base.name }) else { return (base.name, nil) }
        return (try weightsName(step), nil)
    }

    private static func digest(_ groups: [TaskBody.Generation]) throws -> String {
        var digests: [String] = []
        for group in groups { digests.append(try TaskBody.generate(group).digest()) }
        return "\(digests)"
    }

    /// Answers as long as they may be, as the unedited model rates them.
    mutating func countRating(_ step: ConditionStep, _ defence: DefenceStep) throws {
        let batches = try schedule.evaluator.rating(of: defence.standInAnswers()).batches
        steps.append(
            .init("coherence", of: step.name, .forward, Self.tasks(batches), isKnown: known.contains(step.name)))
    }
}
