package import Evaluation
import Protocol

/// An answer, and the prompt it was given to.
package struct AskedAnswer: Sendable {
    package var asked: AskedPrompt
    package var answer: Answer

    package init(asked: AskedPrompt, answer: Answer) { (self.asked, self.answer) = (asked, answer) }
}

/// Everything measured of one condition.
package struct Measurement: Sendable {
    /// Answers in the order they were asked for.
    package var answers: [AskedAnswer] = []
    /// Answers that the unedited model sampled for the floor of coherence; no other model is asked for them.
    package var sampled: [AskedAnswer] = []
    package var tasks: [TaskAccuracy] = []
    /// Mean acc over the zero-shot tasks, where there are several.
    package var zeroShot: Estimate?
    package var questions: [(document: TaskDocument, result: MultipleChoice.Result)] = []
    /// Of every question whether it is right, by task: what the condition's mean accuracy is the mean of.
    package var accuracy: ItemValues?
    package var perplexity: Estimate?
    /// KL(unedited ‖ this model) of the first token after the harmless prompts, in nats.
    package var firstTokenKL: Estimate?
    /// Log-odds that the answer begins with a refusal token.
    package var refusalLogOdds: (harmful: Estimate?, harmless: Estimate?) = (nil, nil)
    /// Loss of every window of the text.
    package var windows: [WindowLoss] = []

    package init(answers: [AskedAnswer] = []) { self.answers = answers }

    /// - Parameter tasks: whose questions count.
    /// - Returns: 1 for every question that is right, 0 for the others; `nil` without questions.
    static func accuracy(
        _ questions: [(document: TaskDocument, result: MultipleChoice.Result)], of tasks: [String]
    ) -> ItemValues? {
        let own = questions.filter { tasks.contains($0.document.task) }
        guard !own.isEmpty else { return nil }
        return ItemValues(
            own.map { $0.result.isRight ? 1 : 0 }, groups: own.map { tasks.firstIndex(of: $0.document.task)! })
    }

    /// Answers to the harmful prompts in the attack setting of that index.
    func attack(_ number: Int) -> [Answer] { answers(to: .attack(number)) }
    /// Answers to the harmless prompts.
    var harmless: [Answer] { answers(to: .harmless) }

    private func answers(to purpose: AskedPrompt.Purpose) -> [Answer] {
        answers.filter { $0.asked.purpose == purpose }.map(\.answer)
    }
}
