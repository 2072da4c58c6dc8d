import Evaluation
import Protocol
import Testing

@Suite struct PerplexityTests {
    private func windows(_ count: Int, window: Int, maximum: Int? = nil) throws -> [[Int32]] {
        try Perplexity((0..<Int32(count)).map { $0 }, window: window, maximumTokens: maximum, source: "text")
            .groups.map { $0.sequences[0].tokens }
    }

    @Test func windowsDoNotOverlap() throws {
        #expect(try windows(10, window: 4) == [[0, 1, 2, 3], [4, 5, 6, 7]])
        #expect(try windows(3, window: 4) == [[0, 1, 2]])
        #expect(try windows(100, window: 4, maximum: 9).count == 2)
        #expect(throws: EvaluationError("text", "1 tokens in windows of 4: perplexity needs at least two")) {
            try windows(1, window: 4)
        }
    }

    @Test func isTheExponentOfTheMean() throws {
        let perplexity = try Perplexity([1, 2, 3, 4, 5, 6], window: 3, source: "text")
        #expect(perplexity.groups.allSatisfy { $0.sequences[0].scoredFrom == 1 })
        let half = SequenceScore(logProbabilities: [-0.5, -1.5], greedy: [false, false])
        let estimate = perplexity.estimate([half, half])
        #expect(abs(estimate.value - 2.718281828459045) < 1e-12)
        #expect(estimate.count == 4)
        // s.e. of the mean: √(1/3 · 4 · 0.25 / 4), times e.
        #expect(abs(estimate.standardError - 2.718281828459045 * (1.0 / 12).squareRoot()) < 1e-12)
    }
}
