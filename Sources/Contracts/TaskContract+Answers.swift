import Checkpoint
import Protocol
import Tensors

/// What a model says: log-probabilities, answers.
extension TaskContract {
    /// The logarithm of a sum that rounds below one leaves so much above zero at the most.
    private static let slack = 1e-4

    static func likelihoods(_ batches: [Batch]) -> ResultContract {
        let count = batches.reduce(0) { $0 + $1.sequences.reduce(0) { $0 + scoredTokens($1) } }
        return ResultContract([
            .init(ResultName.logProbability, .f32, [count], ValueRange(ValueRange.finite.low, slack)),
            .init(ResultName.greedy, .u8, [count], ValueRange(0, 1)),
        ])
    }

    /// A row for every example.
    static func nextTokens(_ batches: [Batch], _ tokens: [Int32]?, _ config: ModelConfig) -> ResultContract {
        let count = batches.reduce(0) { $0 + $1.exampleCount }
        return ResultContract([
            .init(
                ResultName.nextLogProbability, tokens == nil ? .f32 : .f64,
                [count, tokens?.count ?? config.vocabularySize], ValueRange(ValueRange.finite.low, slack))
        ])
    }

    /// Tokens with something before them that predicts them, from the first that is scored on.
    private static func scoredTokens(_ sequence: TokenSequence) -> Int {
        max(0, sequence.tokens.count - max(sequence.scoredFrom, sequence.prefix == nil ? 1 : 0))
    }

    static func answers(_ generation: TaskBody.Generation, _ config: ModelConfig) -> ResultContract {
        let (prompts, tokens) = (generation.prompts.count, generation.maxNewTokens)
        let (most, overflow) = prompts.multipliedReportingOverflow(by: max(0, tokens))
        var contract = ResultContract([
            .init(
                ResultName.tokens, .i32, [.atMost(overflow ? .max : most)],
                ValueRange(0, Double(config.vocabularySize - 1))),
            .init(ResultName.lengths, .i32, [prompts], ValueRange(0, Double(tokens))),
            .init(ResultName.stopped, .u8, [prompts], ValueRange(0, 1)),
        ])
        contract.relations = [.answers]
        return contract
    }
}
