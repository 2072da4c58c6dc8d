package import Evaluation
package import Experiment
import Selection
package import StudyFile

/// A condition as figures and findings see it: where it lies in its method's grid, and what it came to.
package struct GridPoint: Sendable {
    package typealias Axis = GridAxis

    package var name: String
    package var family: MethodFamily
    /// None, one or two.
    package var axes: [Axis] = []
    /// Weights set to zero, and ranks of the change, as fractions of all.
    package var zeroed = 0.0
    package var ranks = 0.0
    /// The condition whose size a random one has.
    package var like: String?
    /// What random edits that differ in the seed of their draw alone have in common.
    package var drawnLike: String?
    /// Of a fine-tuning run: the number of examples, what it would be without restriction, and what it keeps.
    package var examples: Int?
    package var training: String?
    package var kept: KeptWeights?
    /// The condition whose model it repairs or defends; `nil`: none, or the unedited one.
    package var of: String?
    /// Of a defence in the prompt.
    package var strategy: PromptStrategy.Kind?
    /// Where it lies in a landscape along one random direction.
    package var move: LandscapeMove?
    /// Coherence-gated, by attack setting.
    package var gated: [Estimate] = []
    /// Not refused by the run's own judge, whatever the text is worth, by attack setting.
    package var answered: [Estimate] = []
    /// Share of degenerate answers to harmful prompts, by attack setting.
    package var degenerate: [Estimate] = []
    package var overRefusal: Estimate?
    /// Mean zero-shot accuracy, or the mean of the study's own tasks where it asks no zero-shot ones.
    package var accuracy: Estimate?
    package var perplexity: Estimate?
    /// KL(unedited ‖ condition) of the first token after harmless prompts, in nats.
    package var firstTokenKL: Estimate?
    /// The same numbers item by item; `nil`: they are not known.
    package var items: PointItems?
    /// Of the mean of several random edits of one size: the smallest and the largest of each number.
    package var spread: PointSpread?
    /// What it is chosen by where that is not what is reported: its numbers on the other half of the items. None or one.
    package var choosing: [GridPoint] = []
    /// The numbers it is chosen by.
    package var chooser: GridPoint { choosing.first ?? self }

    package init(name: String, family: MethodFamily) {
        self.name = name
        self.family = family
    }

    /// - Parameter study: whose condition it is.
    package init(_ condition: Study.Condition, _ result: ConditionResult, in study: Study) {
        self.init(
            name: condition.name,
            family: MethodFamily(condition, EditExtent(zeroed: result.zeroed, ranks: result.ranks)))
        (zeroed, ranks) = (result.sparsity, result.rankFraction)
        gated = result.attacks.map(\.success.gated.mean)
        answered = result.attacks.map(\.success.own.mean)
        degenerate = result.attacks.map(\.success.degenerate.mean)
        overRefusal = result.overRefusal?.own.mean
        accuracy = result.zeroShot ?? (result.tasks.isEmpty ? nil : TaskAccuracy.mean(result.tasks))
        firstTokenKL = result.firstTokenKL
        perplexity = result.perplexity.flatMap { $0.isFinite ? $0 : nil }
        items = result.isMeasured ? PointItems(result) : nil
        axes = condition.method.coordinates
        (like, drawnLike) = (condition.imitated, condition.method.drawnLike)
        if let settings = condition.fineTune {
            examples = settings.samples
            training = settings.unrestricted.title
            kept = KeptWeights(settings, in: study)
        }
        (of, move) = (condition.method.startsFrom, LandscapeMove(condition.method))
        strategy = condition.defence?.kind
    }

    /// Weights or ranks changed, as a fraction: what two edits of a kind are compared by.
    package var size: Double { ranks > 0 ? ranks : zeroed }

    /// Gated ASR over all attack settings.
    package var success: Estimate? { Self.mean(gated) }
    /// Answers that are no refusals over all attack settings.
    package var unrefused: Estimate? { Self.mean(answered) }
    /// Degenerate answers over all attack settings.
    package var degeneration: Estimate? { Self.mean(degenerate) }

    /// The mean of numbers found on the same prompts. They may go up and down together, so the mean's error is taken to be
    /// the mean error, which it never exceeds.
    static func mean(_ estimates: [Estimate]) -> Estimate? {
        guard !estimates.isEmpty else { return nil }
        let n = Double(estimates.count)
        return Estimate(
            value: estimates.reduce(0) { $0 + $1.value } / n,
            standardError: estimates.reduce(0) { $0 + $1.standardError } / n, count: estimates[0].count)
    }
}
