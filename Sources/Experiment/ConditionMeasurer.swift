package import Evaluation
package import ModelService
import Protocol
package import Selection
import Tensors

/// Measures models one after the other, for a study and for `faultline evaluate`: asks them, rates their answers on the
/// unedited model, and makes their results. The unedited model is the first one: the others' first tokens are compared with
/// its own, and the gates of coherence are calibrated on its answers.
package final class ConditionMeasurer {
    /// A model that is measured and not yet rated.
    package struct Measured {
        package var change: ModelChange
        package var remark: ConditionResult.Remark?
        /// `nil`: its numbers are not finite.
        package var measurement: Measurement?

        package init(change: ModelChange = ModelChange(), remark: ConditionResult.Remark? = nil) {
            (self.change, self.remark) = (change, remark)
        }
    }

    private let evaluator: Evaluator
    private let judges: Judges
    private let runner: any ModelRunner
    private let maps: [WeightShape]
    private let announce: (String) -> Void
    /// What the unedited model says first; `nil`: it is not measured yet.
    package private(set) var firstTokens: FirstTokenBaseline?
    private var calibrated: CoherenceGates?

    /// - Parameters:
    ///   - maps: the model's linear maps.
    ///   - announce: gets a line where a model's numbers are not finite.
    package init(
        _ evaluator: Evaluator, judges: Judges, runner: any ModelRunner, maps: [WeightShape],
        announce: @escaping (String) -> Void = { _ in }
    ) {
        (self.evaluator, self.judges, self.runner, self.maps) = (evaluator, judges, runner, maps)
        self.announce = announce
    }

    /// The gates as the unedited model's answers calibrate them.
    /// - Throws: `InternalError` where these are not rated yet.
    package var gates: CoherenceGates {
        get throws {
            guard let calibrated else { throw InternalError("the unedited model's answers are not rated yet") }
            return calibrated
        }
    }

    /// Asks the current model.
    /// - Throws: what the runner throws; `NoNumber` where a probability is no finite number.
    package func ask(_ questions: Questions, name: String, isUnedited: Bool) async throws -> Measurement {
        try await withFirstTokens(
            try await evaluator.measure(questions, runner, label: name), questions, name: name, isUnedited: isUnedited)
    }

    /// Measures the current model's first tokens, beside what was measured of it.
    /// - Throws: as `ask`.
    func withFirstTokens(
        _ measurement: Measurement, _ questions: Questions, name: String, isUnedited: Bool
    ) async throws -> Measurement {
        let asked = questions.firstTokens
        if isUnedited { firstTokens = evaluator.baseline(measurement, judges.own) }
        let distance = try await distance(asked.compared, "\(name): first token")
        let tokens = firstTokens?.refusalTokens ?? []
        let harmful = try await evaluator.logOdds(asked.harmful, tokens, runner, "\(name): refusal, harmful")
        let harmless = try await evaluator.logOdds(asked.harmless, tokens, runner, "\(name): refusal, harmless")
        var result = measurement
        result.firstTokenKL = distance
        result.refusalLogOdds = (harmful, harmless)
        return result
    }

    /// The current model's first tokens against the unedited model's, which is the reference from then on; `nil`: nothing is
    /// compared.
    private func distance(_ batches: [Batch], _ label: String) async throws -> Estimate? {
        guard !batches.isEmpty else { return nil }
        if let reference = firstTokens?.reference {
            return try await evaluator.distance(batches, from: reference, runner, label)
        }
        let own = try await evaluator.reference(batches, runner, label)
        firstTokens?.reference = own.reference
        return own.distance
    }

    /// Takes a model's measures away where its numbers are not finite.
    /// - Throws: every other error; all of the unedited model's, without which nothing is measured.
    package func fail(_ own: inout Measured, name: String, isUnedited: Bool, _ error: any Error) throws {
        guard !isUnedited, let reason = NoNumber.reason(error) else { throw error }
        announce("condition \(name): no measures: \(reason)")
        (own.measurement, own.remark) = (nil, .notFinite(reason))
    }

    /// Rates a model's answers, where the unedited model is current, and makes its result.
    /// - Parameter method: what was done to it, in words.
    /// - Throws: what the runner throws; `NoNumber` where the unedited model's numbers are not finite; `PackingError` where an
    ///   answer is larger than a batch.
    package func result(
        _ measured: Measured, name: String, method: String, isUnedited: Bool
    ) async throws -> ConditionResult {
        var own = measured
        do {
            if let measurement = own.measurement {
                own.measurement = try await evaluator.rate(measurement, runner, label: name)
            }
        } catch {
            try fail(&own, name: name, isUnedited: isUnedited, error)
        }
        if isUnedited, let measurement = own.measurement { calibrated = evaluator.gates(measurement) }
        return try ConditionResult(
            name: name, method: method, measurement: own.measurement, attacks: evaluator.attacks, gate: try gates,
            lengths: evaluator.lengths, judges: judges, change: own.change, maps: maps, remark: own.remark)
    }
}
