import Checkpoint
package import Datasets
package import ModelService
package import Protocol
import Selection
package import StudyFile
import Tensors

/// Prompts, alone and with the beginnings of two answers behind them, whose last tokens' states are collected (SSAH, arXiv
/// 2410.10862, section 3).
package struct ReasoningStep: Sendable {
    package static let label = "reasoning curves"

    package let plan: Study.ReasoningCurvePlan
    let prompts: [String]
    /// What `ReasoningCurves` reads.
    let labels: [String]
    package let blocks: [[Batch]]

    /// - Throws: `InputError` where the list cannot be read or is empty, an answer has fewer tokens than are looked at, or a
    ///   prompt with an answer is longer than the model's context; `PackingError`.
    package init(_ plan: Study.ReasoningCurvePlan, study: Study, codec: any TextCodec, _ files: DataFiles) throws {
        self.plan = plan
        labels = ReasoningCurves.labels(plan.tokens)
        prompts = try plan.prompts.read(seed: study.seed, name: Self.label, files)
        guard !prompts.isEmpty else { throw InputError(plan.prompts.file, "has no prompts") }
        let benign = try Self.tokens(plan.benign, "benign", plan, codec)
        let malicious = try Self.tokens(plan.malicious, "malicious", plan, codec)
        var sequences: [TokenSequence] = []
        for text in prompts {
            let prompt = try codec.prompt(text)
            let longest = prompt.count + (plan.tokens.max() ?? 0)
            try ContextLimit.check(longest, codec.longest, "the prompt \"\(text.prefix(40))…\" with an answer's tokens")
            var all = [prompt]
            for count in plan.tokens { all += [prompt + benign.prefix(count), prompt + malicious.prefix(count)] }
            for (group, tokens) in all.enumerated() {
                sequences.append(TokenSequence(tokens: tokens, scoredFrom: tokens.count, group: group))
            }
        }
        // A block is one prompt with all that follows it, which share the prompt's rows.
        blocks = try StatisticStep.blocks(
            sequences, blockExamples: labels.count, batchTokens: study.batchTokens)
    }

    private static func tokens(
        _ text: String, _ key: String, _ plan: Study.ReasoningCurvePlan, _ codec: any TextCodec
    ) throws(InputError) -> [Int32] {
        let tokens = codec.encode(text)
        let most = plan.tokens.max() ?? 0
        guard tokens.count >= most else {
            throw InputError(
                "reasoning_curves.\(key)",
                "has \(tokens.count) tokens, and \(most) are looked at: write more of the answer, or name fewer tokens")
        }
        return tokens
    }

    /// The statistic that the curves are made of.
    package var request: StatisticRequest { StatisticRequest(name: LastTokenState.name, classes: labels.count) }

    /// - Parameter output: where the combined tensors go.
    package func request(output: String) -> ScoreRequest {
        ScoreRequest(name: Self.label, statistics: [request], blocks: blocks, output: output, isCached: true)
    }

    /// Makes the curves of the combined tensors.
    /// - Throws: `TensorFileError`, `SelectionError`.
    func curves(_ combined: String, of config: ModelConfig) throws -> ReasoningCurves {
        let entries = try LastTokenState().finished(try TensorBundle(mapping: combined), classes: labels)
        return try ReasoningCurves(TensorBundle(entries: entries), tokens: plan.tokens, config: config)
    }
}
