package import Experiment
import Protocol

/// What the first token's measures cost.
extension WorkCounter {
    /// - Parameter vocabulary: tokens of a whole distribution, which travels in 4 bytes each.
    package static func firstTokens(_ questions: FirstTokenQuestions, vocabulary: Int) -> [Work.Step] {
        var steps: [Work.Step] = []
        if !questions.compared.isEmpty {
            let most = questions.compared.map(\.exampleCount).max() ?? 0
            steps.append(
                .init("first token", .forward, tasks(prompts: questions.compared), bytes: 4 * vocabulary * most))
        }
        let refusals = questions.harmful + questions.harmless
        if !refusals.isEmpty { steps.append(.init("refusal log-odds", .forward, tasks(prompts: refusals))) }
        return steps
    }
}
