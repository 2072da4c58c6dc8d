import Checkpoint
import Linalg
import ModelFixtures
import Protocol
import Selection
import Tensors
import Testing

/// The last tokens' states against transformers (scripts/fixtures/make_residual.py), and the curves that are made of them.
@Suite struct LayerCurveTests {
    private static let labels = ["harmful", "harmless"]
    private let statistic = LastTokenState()

    private func prompts(_ fixture: Fixture) throws -> [TokenSequence] {
        try fixture.sequences().enumerated().map { number, sequence in
            TokenSequence(
                tokens: Array(sequence.tokens.prefix(sequence.scoredFrom)), scoredFrom: sequence.scoredFrom,
                group: number % 2)
        }
    }

    private func rows(
        _ fixture: Fixture, _ batches: [Batch], cuts: [Int] = [], threads: Int = 1, memoryBytes: Int = 1 << 30
    ) throws -> [TensorBundle.Entry] {
        let pipeline = try LocalPipeline(fixture, cuts: cuts, threads: threads, memoryBytes: memoryBytes)
        return try pipeline.run(.score(statistics: [statistic.request(classes: 2)], batches: batches))
            .flatMap(\.entries)
    }

    private func states(_ fixture: Fixture, _ batches: [Batch]) throws -> TensorBundle {
        let combined = TensorBundle(entries: try rows(fixture, batches, cuts: [1]))
        return TensorBundle(entries: try statistic.finished(combined, classes: Self.labels))
    }

    /// Position −1 is the first of the fixture's positions; a class's mean is that of its rows.
    @Test(arguments: Fixture.names) func statesMatchTransformers(_ name: String) throws {
        let fixture = try Fixture(name)
        let config = fixture.source.config
        let theirs = try TensorBundle(safetensors: fixture.path + "/residual.safetensors")
        let prompts = try prompts(fixture)
        let own = try states(fixture, [Batch(sequences: prompts)])
        let places = ResidualPlace.places(in: 0..<config.layerCount, of: config)
        #expect(own.entries.count == 2 * places.count)
        for place in places {
            for (number, label) in Self.labels.enumerated() {
                let entry = try #require(own["state.\(label).\(place)"])
                #expect(entry.shape == [2, config.hiddenSize])
                let mean = (0..<config.hiddenSize).map {
                    (entry.buffer.floats[$0] + entry.buffer.floats[config.hiddenSize + $0]) / 2
                }
                let reference = try #require(theirs["mean.\(number).\(place)"]).buffer.doubleArray()
                #expect(relativeError(mean, reference.prefix(config.hiddenSize).map { Float($0) }) < 1e-5)
            }
        }
    }

    @Test(arguments: Fixture.names) func anyStagesThreadsAndMemoryGiveTheSameRows(_ name: String) throws {
        let fixture = try Fixture(name)
        let batches = try prompts(fixture).map { Batch(sequences: [$0, $0]) }
        func bytes(_ entries: [TensorBundle.Entry]) -> [String: [UInt8]] {
            Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0.buffer.byteArray()) })
        }
        let golden = bytes(try rows(fixture, batches))
        #expect(golden.count == 2 * (fixture.source.config.layerCount + 2))
        for shape in JobTests.shapes {
            #expect(bytes(try rows(fixture, batches, cuts: shape.cuts, threads: shape.threads)) == golden)
        }
        #expect(bytes(try rows(fixture, batches, memoryBytes: 1)) == golden)
    }

    private func cosine(_ a: [Float], _ b: [Float]) -> Double {
        var (ab, aa, bb) = (0.0, 0.0, 0.0)
        for (x, y) in zip(a, b) {
            ab += Double(x) * Double(y)
            aa += Double(x) * Double(x)
            bb += Double(y) * Double(y)
        }
        return ab / (aa.squareRoot() * bb.squareRoot())
    }

    /// Two prompts of each kind: every pair of one kind is the same, and a mixed one is one of four.
    @Test(arguments: Fixture.names) func curvesAreThoseOfTheirPairs(_ name: String) throws {
        let fixture = try Fixture(name)
        let config = fixture.source.config
        let own = try states(fixture, [Batch(sequences: try prompts(fixture))])
        let curves = try LayerCurves(own, config: config, pairs: 40, seed: 10)
        #expect(curves.points.map(\.layer) == Array(0..<config.layerCount) + [config.layerCount - 1])
        for point in curves.points {
            func row(_ label: String, _ number: Int) throws -> [Float] {
                let entry = try #require(own["state.\(label).\(point.place)"])
                let width = config.hiddenSize
                return Array(entry.buffer.floats[number * width..<(number + 1) * width])
            }
            for (kind, label) in [
                (LayerCurves.Kind.normalNormal, "harmless"), (.maliciousMalicious, "harmful"),
            ] {
                let expected = cosine(try row(label, 0), try row(label, 1))
                #expect(abs(try #require(point.cosines[kind]) - expected) < 1e-12)
            }
            let mixed = try (0..<4).map { cosine(try row("harmless", $0 / 2), try row("harmful", $0 % 2)) }
            let mean = try #require(point.cosines[.normalMalicious])
            #expect(mean > mixed.min()! - 1e-12 && mean < mixed.max()! + 1e-12)
            #expect(abs(mean - mixed.reduce(0, +) / 4) < 0.5 * (mixed.max()! - mixed.min()!) + 1e-12)
            #expect(abs(point.gap - (point.angle(.normalMalicious) - point.angle(.normalNormal))) < 1e-12)
        }
        #expect(try LayerCurves(own, config: config, pairs: 40, seed: 10) == curves)
        #expect(try LayerCurves(own, config: config, pairs: 40, seed: 11) != curves)
    }

    /// Where all states are one, every angle is 0, and so is the gap.
    @Test func aGapBetweenEqualListsIsNone() throws {
        let fixture = try Fixture("llama")
        let config = fixture.source.config
        let one = TokenSequence(tokens: [5, 6, 7], scoredFrom: 3)
        let all = (0..<4).map { number in
            TokenSequence(tokens: one.tokens, scoredFrom: one.scoredFrom, group: number % 2)
        }
        let curves = try LayerCurves(
            states(fixture, all.map { Batch(sequences: [$0]) }), config: config, pairs: 5, seed: 1)
        for point in curves.points { #expect(abs(point.gap) < 1e-5) }
        let single = try states(fixture, [Batch(sequences: Array(all.prefix(2)))])
        #expect(
            throws: SelectionError.tooFew(what: "harmless prompts to make pairs of", wanted: 2, available: 1)
        ) { try LayerCurves(single, config: config, seed: 1) }
    }
}
