import Checkpoint
import ModelFixtures
import Protocol
import Selection
import Tensors
import Testing

/// Curves over a real stage, against every sequence run on its own.
@Suite struct ReasoningCurveTests {
    private static let counts = [1, 3]

    /// Prompts of the fixture, and two answers' beginnings.
    private func prompts(_ fixture: Fixture) throws -> [[Int32]] {
        try fixture.sequences().prefix(3).map { Array($0.tokens.prefix($0.scoredFrom)) }
    }
    private let benign: [Int32] = [5, 9, 6]
    private let malicious: [Int32] = [7, 4, 8]

    private func states(_ fixture: Fixture, _ batches: [Batch], classes: [String]) throws -> TensorBundle {
        let statistic = LastTokenState()
        let pipeline = try LocalPipeline(fixture, cuts: [1])
        let body = TaskBody.score(statistics: [statistic.request(classes: classes.count)], batches: batches)
        let combined = TensorBundle(entries: try pipeline.run(body).flatMap(\.entries))
        return TensorBundle(entries: try statistic.finished(combined, classes: classes))
    }

    /// All places of one sequence that is run on its own.
    private func alone(_ fixture: Fixture, _ tokens: [Int32]) throws -> TensorBundle {
        let sequence = TokenSequence(tokens: tokens, scoredFrom: tokens.count, group: 0)
        return try states(fixture, [Batch(sequences: [sequence])], classes: ["one"])
    }

    private func distance(_ first: TensorBundle, _ second: TensorBundle, _ place: ResidualPlace) throws -> Double {
        let both = try [first, second].map { bundle in
            try #require(bundle["state.one.\(place)"]).buffer.floatArray().map { Double($0) }
        }
        let (a, b) = (both[0], both[1])
        func dot(_ x: [Double], _ y: [Double]) -> Double { zip(x, y).reduce(0) { $0 + $1.0 * $1.1 } }
        return 1 - dot(a, b) / (dot(a, a) * dot(b, b)).squareRoot()
    }

    @Test(arguments: ["llama", "qwen2"]) func theyAreThoseOfSingleSequences(_ name: String) throws {
        let fixture = try Fixture(name)
        let config = fixture.source.config
        let labels = ReasoningCurves.labels(Self.counts)
        let prompts = try prompts(fixture)
        // A prompt's sequences share its beginning, as in a study.
        var batches: [Batch] = []
        var single: [[Int32]: TensorBundle] = [:]
        for prompt in prompts {
            var all = [prompt]
            for count in Self.counts { all += [prompt + benign.prefix(count), prompt + malicious.prefix(count)] }
            for tokens in all { single[tokens] = try alone(fixture, tokens) }
            let sequences = all.enumerated().map { group, tokens in
                TokenSequence(tokens: tokens, scoredFrom: tokens.count, group: group)
            }
            batches += try BatchPacking.pack(
                SequenceGroup.sharingPrefix(sequences, name: "prompts", maximumTokens: 200), maximumTokens: 200)
        }
        let curves = try ReasoningCurves(
            states(fixture, batches, classes: labels), tokens: Self.counts, config: config)
        #expect(curves.prompts == prompts.count && curves.points.count == Self.counts.count * (config.layerCount + 1))
        for point in curves.points {
            func mean(_ answer: [Int32]) throws -> Double {
                var sum = 0.0
                for prompt in prompts {
                    let own = try #require(single[prompt])
                    sum += try distance(own, #require(single[prompt + answer.prefix(point.tokens)]), point.place)
                }
                return sum / Double(prompts.count)
            }
            let expected = (benign: try mean(benign), malicious: try mean(malicious))
            #expect(abs(point.benign - expected.benign) < 1e-5 && point.benign > 0)
            #expect(abs(point.malicious - expected.malicious) < 1e-5 && point.malicious > 0)
        }
    }
}
