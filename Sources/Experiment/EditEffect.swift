import ModelService
import Protocol
import StudyFile

/// Whether fine-tuning changes the model at all.
enum EditEffect {
    /// - Returns: why a fine-tuning run changes nothing; `nil` where it trains a weight.
    static func nothing(_ settings: Study.FineTune, restricted: RestrictedWeights?) -> String? {
        guard settings.learningRate > 0 else { return "its learning rate is 0" }
        guard settings.parameters == .linear, let restricted, restricted.ofMaps == 1 else { return nil }
        return "every weight that it trains is \(settings.restriction?.kind == .rewind ? "rewound" : "frozen")"
    }
}
