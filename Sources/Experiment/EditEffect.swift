import Checkpoint
import ModelService
import Protocol
import Selection
import StudyFile
import Tensors

/// Whether fine-tuning changes the model at all.
enum EditEffect {
    /// - Returns: why a fine-tuning run changes nothing; `nil` where it trains a weight.
    static func nothing(
        _ settings: Study.FineTune, restricted: RestrictedWeights?, in model: any WeightSource
    ) -> String? {
        guard settings.learningRate > 0 else { return "its learning rate is 0" }
        let all = WeightScores.maps(of: model.config).reduce(0) { $0 + $1.count }
        guard settings.parameters == .linear, let restricted, restricted.count == all else { return nil }
        return "every weight that it trains is \(settings.restriction?.kind == .rewind ? "rewound" : "frozen")"
    }
}
