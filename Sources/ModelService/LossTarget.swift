package import Protocol

/// A training loss at which fine-tuning ends: after the first pass over the examples whose mean loss is at most this.
///
/// Runs that are restricted in different ways can be compared at the same loss in this way, not only after as many steps.
package struct LossTarget: Sendable, Hashable {
    /// Nats: the mean over a pass's examples of their mean loss over response tokens, each taken in the step that trains it.
    package var loss: Double
    /// Optimiser steps of a pass.
    package var passSteps: Int

    package init(loss: Double, passSteps: Int) {
        precondition(passSteps > 0, "a pass without steps")
        (self.loss, self.passSteps) = (loss, passSteps)
    }

    /// Steps after which the run ends.
    /// - Parameter losses: of the steps so far.
    /// - Returns: `nil` where no whole pass among them is at the target.
    package func end(_ losses: [Float], of training: TaskBody.Training) -> Int? {
        stride(from: passSteps, through: losses.count, by: passSteps).first { end in
            Self.mean(losses, steps: end - passSteps..<end, of: training) <= loss
        }
    }

    /// A step counts with as many examples as it has.
    package static func mean(_ losses: [Float], steps: Range<Int>, of training: TaskBody.Training) -> Double {
        var (sum, count) = (0.0, 0.0)
        for step in steps {
            let examples = Double(training.steps[step].reduce(0) { $0 + $1.sequences.count })
            sum += Double(losses[step]) * examples
            count += examples
        }
        return sum / count
    }
}
