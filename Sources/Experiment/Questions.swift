import Evaluation
package import Protocol

/// What a condition's model is asked: the answers of one generation job, and one likelihood job.
package struct Questions: Sendable {
    /// One answer each, in the order of the groups' prompts.
    var requests: [AnswerRequest]
    /// Answers beside these that the floor of coherence is calibrated on.
    var sampled: [AnswerRequest]
    package var groups: [TaskBody.Generation]
    /// Multiple-choice questions and text.
    package var batches: [Batch]
    package var firstTokens = FirstTokenQuestions()
}

/// Answers as the fleet rates them.
package struct RatingRequest: Sendable {
    package var batches: [Batch]
    /// Which answer each scored sequence of the batches is; answers without tokens of their own are not rated.
    var order: [Int]

    /// - Parameter scores: one a sequence of the batches.
    /// - Returns: the answers, each with the mean log-likelihood of its own tokens.
    func rated(_ answers: [AskedAnswer], by scores: [SequenceScore]) -> [AskedAnswer] {
        // What several sequences begin with is a sequence of its own, and no answer.
        let isAnswer = batches.flatMap { $0.sequences.map { $0.scoredFrom < $0.tokens.count } }
        var rated = answers
        for (index, score) in zip(order, zip(scores, isAnswer).filter(\.1).map(\.0)) {
            rated[index].answer.meanLogLikelihood = score.mean
        }
        return rated
    }
}
