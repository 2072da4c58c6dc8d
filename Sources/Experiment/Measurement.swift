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
    package var perplexity: Estimate?

    package init(answers: [AskedAnswer] = []) { self.answers = answers }

    /// Answers to the harmful prompts in the attack setting of that index.
    func attack(_ number: Int) -> [Answer] { answers(to: .attack(number)) }
    /// Answers to the harmless prompts.
    var harmless: [Answer] { answers(to: .harmless) }

    private func answers(to purpose: AskedPrompt.Purpose) -> [Answer] {
        answers.filter { $0.asked.purpose == purpose }.map(\.answer)
    }
}
