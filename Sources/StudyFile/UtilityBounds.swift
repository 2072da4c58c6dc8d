import Tensors

/// How much of its usefulness a model may lose for a condition to be compared with others by its effect.
package struct UtilityBounds: Sendable, Equatable {
    /// Accuracy below the unedited model's, in percent of all questions; `nil`: any.
    package var accuracyLoss: Double?
    /// KL(unedited ‖ condition) of the first token after harmless prompts, in nats; `nil`: any.
    package var firstTokenKL: Double?

    package init(accuracyLoss: Double? = nil, firstTokenKL: Double? = nil) {
        (self.accuracyLoss, self.firstTokenKL) = (accuracyLoss, firstTokenKL)
    }

    package var title: String {
        var parts: [String] = []
        if let accuracyLoss {
            parts.append("accuracy at most \(plainNumber(accuracyLoss)) points below the unedited model's")
        }
        if let firstTokenKL { parts.append("first-token KL at most \(plainNumber(firstTokenKL)) nats") }
        return parts.joined(separator: ", ")
    }
}

extension Study {
    /// Reads `utility_bounds` of `evaluation`.
    /// - Throws: `InputError` with file, line and the key's path.
    static func utilityBounds(
        _ node: StudyNode, _ settings: EvaluationSettings
    ) throws(InputError) -> UtilityBounds? {
        guard let entry = try node.mapping("utility_bounds", keys: ["accuracy_loss", "first_token_kl"]) else {
            return nil
        }
        let bounds = UtilityBounds(
            accuracyLoss: try entry.percent("accuracy_loss"),
            firstTokenKL: try entry.number("first_token_kl", in: 0...1_000))
        guard bounds != UtilityBounds() else {
            throw node.error("utility_bounds", "is empty: it needs accuracy_loss, first_token_kl or both")
        }
        if bounds.accuracyLoss != nil, settings.tasks.isEmpty, settings.zeroShot == nil {
            throw entry.error("accuracy_loss", "needs questions: give the evaluation tasks or zero_shot")
        }
        if bounds.firstTokenKL != nil, settings.firstTokenKL == nil {
            throw entry.error("first_token_kl", "needs the evaluation's first_token_kl: exact or refusal_direction")
        }
        if settings.harmful == nil {
            throw node.error("utility_bounds", "needs harmful prompts, whose ASR is compared")
        }
        return bounds
    }
}
