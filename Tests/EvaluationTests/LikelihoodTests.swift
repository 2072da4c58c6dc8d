import Evaluation
import Protocol
import Testing

@Suite struct LikelihoodTests {
    private let sequences: [TokenSequence] = [
        .init(tokens: [1, 2], scoredFrom: 2), .init(tokens: [3, 4], scoredFrom: 0, prefix: 0),
        .init(tokens: [5, 6], scoredFrom: 1),
    ]

    @Test func flatListsAreCutBySequence() throws {
        let scores = try #require(
            SequenceScore.split(logProbabilities: [-1, -2, -3], greedy: [true, false, true], over: sequences))
        #expect(scores.map(\.logProbabilities) == [[], [-1, -2], [-3]])
        #expect(scores[1].greedy == [true, false])
        #expect(scores[1].mean == -1.5)
        #expect(scores[0].mean == nil)
    }

    @Test func wrongCountsAreRefused() {
        #expect(SequenceScore.split(logProbabilities: [-1], greedy: [true], over: sequences) == nil)
        #expect(SequenceScore.split(logProbabilities: [-1, -2, -3], greedy: [true], over: sequences) == nil)
    }
}
