import Checkpoint
import ModelFixtures
import Protocol
import Selection
import Tensors
import Testing

/// Mean residual states against transformers (scripts/fixtures/make_residual.py), from any stages, threads and batches.
@Suite struct ResidualStateTests {
    private static let positions = [-1, -3]
    private static let labels = ["0", "1"]
    private let statistic: ResidualState

    init() throws { statistic = try ResidualState(options: ["positions": "-1,-3"]) }

    private func prompts(_ fixture: Fixture) throws -> [TokenSequence] {
        try fixture.sequences().enumerated().map { number, sequence in
            TokenSequence(
                tokens: Array(sequence.tokens.prefix(sequence.scoredFrom)), scoredFrom: sequence.scoredFrom,
                group: number % 2)
        }
    }

    private func sums(
        _ fixture: Fixture, _ batches: [Batch], cuts: [Int] = [], threads: Int = 1, memoryBytes: Int = 1 << 30
    ) throws -> [String: [UInt8]] {
        let pipeline = try LocalPipeline(fixture, cuts: cuts, threads: threads, memoryBytes: memoryBytes)
        let results = try pipeline.run(.score(statistics: [statistic.request(classes: 2)], batches: batches))
        return Dictionary(
            uniqueKeysWithValues: results.flatMap(\.entries).map { ($0.name, $0.buffer.byteArray()) })
    }

    private func means(_ fixture: Fixture, _ batches: [Batch]) throws -> [TensorBundle.Entry] {
        let pipeline = try LocalPipeline(fixture, cuts: [1])
        let results = try pipeline.run(.score(statistics: [statistic.request(classes: 2)], batches: batches))
        return try statistic.finished(TensorBundle(entries: results.flatMap(\.entries)), classes: Self.labels)
    }

    @Test(arguments: Fixture.names) func meansMatchTransformers(_ name: String) throws {
        let fixture = try Fixture(name)
        let expected = try TensorBundle(safetensors: fixture.path + "/residual.safetensors")
        let prompts = try prompts(fixture)
        let found = try means(fixture, [Batch(sequences: prompts)])
        #expect(Set(found.map(\.name)) == Set(expected.entries.map(\.name)))
        for entry in found {
            let theirs = try #require(expected[entry.name])
            #expect(entry.shape == theirs.shape && entry.type == .f64, "\(entry.name)")
            let error = relativeError(
                entry.buffer.doubleArray().map { Float($0) }, theirs.buffer.doubleArray().map { Float($0) })
            #expect(error < 1e-5, "\(entry.name): \(error)")
        }
    }

    @Test(arguments: Fixture.names) func aSharedBeginningAndResponsesChangeNoMean(_ name: String) throws {
        let fixture = try Fixture(name)
        let head = try prompts(fixture)[1].tokens
        let plain = try prompts(fixture).map { sequence in
            let tokens = head + sequence.tokens
            return TokenSequence(tokens: tokens, scoredFrom: tokens.count, group: sequence.group)
        }
        // A prompt that is nothing but the beginning and one token: position -3 lies in the shared part.
        let short = TokenSequence(tokens: head + [5], scoredFrom: head.count + 1, group: 1)
        let groups = SequenceGroup.sharingPrefix(plain + [short], name: "p", maximumTokens: 1000)
        let alone = try means(fixture, (plain + [short]).map { Batch(sequences: [$0]) })
        let once = try means(fixture, [Batch(sequences: groups.flatMap(\.sequences))])
        let answered = try means(
            fixture,
            (plain + [short]).map { sequence in
                var sequence = sequence
                sequence.tokens += [7, 8]
                return Batch(sequences: [sequence])
            })
        for (entry, others) in zip(alone, zip(once, answered)) {
            for other in [others.0, others.1] {
                #expect(entry.name == other.name)
                let error = relativeError(
                    entry.buffer.doubleArray().map { Float($0) }, other.buffer.doubleArray().map { Float($0) })
                #expect(error < 1e-5, "\(entry.name): \(error)")
            }
        }
    }

    @Test(arguments: Fixture.names) func anyStagesThreadsAndMemoryGiveTheSameBits(_ name: String) throws {
        let fixture = try Fixture(name)
        let batches = try prompts(fixture).map { Batch(sequences: [$0, $0]) }
        let golden = try sums(fixture, batches)
        #expect(golden.count == 3 * (fixture.source.config.layerCount + 2))
        for shape in JobTests.shapes {
            #expect(try sums(fixture, batches, cuts: shape.cuts, threads: shape.threads) == golden)
        }
        #expect(try sums(fixture, batches, memoryBytes: 1) == golden)
    }

    /// With a score beside it, and of one layer alone.
    @Test func itGoesTogetherWithGradientsAndWithOneLayer() throws {
        let fixture = try Fixture("llama")
        let batches = [
            Batch(
                sequences: try fixture.sequences().enumerated().map { number, sequence in
                    TokenSequence(tokens: sequence.tokens, scoredFrom: sequence.scoredFrom, group: number % 2)
                })
        ]
        let own = try sums(fixture, batches)
        func run(_ requests: [StatisticRequest]) throws -> [String: [UInt8]] {
            let both = try LocalPipeline(fixture, cuts: [1]).run(.score(statistics: requests, batches: batches))
            return Dictionary(
                uniqueKeysWithValues: both.flatMap(\.entries).map { ($0.name, $0.buffer.byteArray()) })
        }
        let request = statistic.request(classes: 2)
        var gradient = StatisticRequest.absoluteGradient(.mean)
        gradient.classes = 2
        let both = try run([request, gradient])
        #expect(both.filter { $0.key.hasPrefix("residual_state.") } == own)
        #expect(both.count == own.count + 7 * 3)
        #expect(try run([request.ofLayer(1)]) == own.filter { $0.key.hasSuffix(".input.1") })
        let last = try run([request.ofLayer(2)])
        #expect(last.keys.contains("residual_state.sum.norm") && last.count == 9)
    }

    @Test func aPromptThatIsTooShortFailsItsTask() throws {
        let fixture = try Fixture("llama")
        let body = TaskBody.score(
            statistics: [statistic.request()],
            batches: [Batch(sequences: [TokenSequence(tokens: [5, 6], scoredFrom: 2)])])
        #expect { try LocalPipeline(fixture, cuts: []).run(body) } throws: {
            "\($0)" == "bad batch: a prompt has no token at position -3"
        }
    }
}
