import Tensors

/// Conditions that put the prompts to another one's model.
extension StudyRun {
    /// Puts everything to the condition's model that it is measured by, but for first tokens.
    func ask(_ step: ConditionStep) async throws -> Measurement {
        guard let defence = step.defence else {
            return try await evaluator.measure(step.questions, runner, label: step.name)
        }
        return try await defence.measure(runner, label: step.name)
    }

    /// The model of the condition that was measured last, which is current still.
    /// - Throws: `NoNumber` where its numbers are not finite.
    func current(_ name: String) throws -> Made {
        guard let base = measured[name] else { throw InternalError("condition \(name) is not measured yet") }
        if case .notFinite(let reason)? = base.remark { throw NoNumber(reason) }
        return Made(change: base.change)
    }
}
