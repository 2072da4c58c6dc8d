import Tensors

/// Where a fine-tuning run ended.
package struct TrainingOutcome: Sendable, Equatable {
    /// Optimiser steps.
    package var steps: Int
    /// Nats: mean of the examples' losses in the last pass over them.
    package var loss: Double
    /// The loss at which it was to end; `nil`: it had all its steps.
    package var target: Double?

    package init(steps: Int, loss: Double, target: Double?) {
        (self.steps, self.loss, self.target) = (steps, loss, target)
    }

    package var words: String {
        let asked = target.map { " (asked: \(plainNumber($0))\(loss > $0 ? ", not reached" : ""))" } ?? ""
        let rounded = plainNumber((1000 * loss).rounded() / 1000)
        return "\(steps) step\(steps == 1 ? "" : "s"), training loss of the last epoch \(rounded)\(asked)"
    }
}
