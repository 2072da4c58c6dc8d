import Checkpoint
import Evaluation
import Experiment
import ModelService
import Selection

/// What the command measures: the unedited model, and the edited one where there is one, as a study measures its conditions.
extension EvaluateCommand {
    /// What is measured, and how it is judged.
    struct Asked {
        var evaluator: Evaluator
        var judges: Judges
        var checkpoint: Checkpoint
        /// `nil`: the unedited model alone.
        var change: (any WeightEdit)?
    }

    /// The unedited model's measures, and the edited one's where there is one.
    func measureAll(
        _ asked: Asked, _ runner: any ModelRunner
    ) async throws -> ([ConditionResult], CoherenceGates, FirstTokenBaseline?) {
        let measurer = ConditionMeasurer(
            asked.evaluator, judges: asked.judges, runner: runner,
            maps: WeightScores.maps(of: asked.checkpoint.config))
        let name = "unedited"
        try await runner.apply(nil)
        var own = ConditionMeasurer.Measured()
        own.measurement = try await measurer.ask(
            try asked.evaluator.questions(isUnedited: true), name: name, isUnedited: true)
        var results = [try await measurer.result(own, name: name, method: name, isUnedited: true)]
        if let path = changed.file, let change = asked.change {
            results.append(try await measure(change, of: path, asked, measurer, runner))
        }
        return (results, try measurer.gates, measurer.firstTokens)
    }

    /// Measures the edited model; where its numbers are not finite there is the reason in their place.
    private func measure(
        _ change: any WeightEdit, of path: String, _ asked: Asked, _ measurer: ConditionMeasurer,
        _ runner: any ModelRunner
    ) async throws -> ConditionResult {
        let name = changed.mask == nil ? "edit" : "mask"
        let nothing = try change.reasonForNoEffect(in: asked.checkpoint)
        var own = ConditionMeasurer.Measured(
            change: ModelChange(change.extent), remark: nothing.map { .changesNothing($0) })
        do {
            // One that changes nothing is the checkpoint, as in a study.
            try await runner.apply(change.isIdentity ? nil : change)
            own.measurement = try await measurer.ask(try asked.evaluator.questions(), name: name, isUnedited: false)
        } catch {
            try measurer.fail(&own, name: name, isUnedited: false, error)
        }
        try await runner.apply(nil)
        return try await measurer.result(
            own, name: name, method: changed.mask == nil ? "changed by \(path)" : "zeroed by \(path)", isUnedited: false
        )
    }
}
