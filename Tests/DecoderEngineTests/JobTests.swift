import Checkpoint
import Linalg
import ModelFixtures
import Protocol
import Selection
import Tensors
import Testing
import Transformer

/// The engine's jobs against PyTorch, and the same bits from any number of stages and threads.
@Suite struct JobTests {
    static let shapes: [(cuts: [Int], threads: Int)] = [([], 1), ([], 2), ([1], 1), ([1], 2)]

    private func scoreBody(_ fixture: Fixture) throws -> TaskBody {
        let sequences = try fixture.sequences()
        return .score(
            statistics: [.absoluteGradient(.mean), .inputSquares],
            batches: [Batch(sequences: Array(sequences.prefix(2))), Batch(sequences: Array(sequences.dropFirst(2)))])
    }

    private func merged(_ results: [TensorBundle]) -> [String: [UInt8]] {
        Dictionary(uniqueKeysWithValues: results.flatMap(\.entries).map { ($0.name, $0.buffer.byteArray()) })
    }

    @Test(arguments: Fixture.names) func scoresMatchPyTorch(_ name: String) throws {
        let fixture = try Fixture(name)
        let results = try LocalPipeline(fixture, cuts: []).run(scoreBody(fixture))
        for layer in 0..<fixture.source.config.layerCount {
            for map in LinearMap.allCases {
                let weight = map.weightName(layer: layer)
                let snip = try #require(results[0]["absolute_gradient." + weight])
                let error = try relativeError(snip.buffer.floatArray(), fixture.floats("snip." + weight))
                #expect(error < 1e-4, "\(name) SNIP \(weight): \(error)")
                let squares = try #require(results[0]["input_squares." + weight])
                let own = squares.buffer.address.withMemoryRebound(to: Double.self, capacity: squares.shape[0]) {
                    UnsafeBufferPointer(start: $0, count: squares.shape[0]).map { Float($0) }
                }
                #expect(try relativeError(own, fixture.doubles("input_squares." + weight).map { Float($0) }) < 1e-4)
            }
        }
    }

    @Test(arguments: Fixture.names) func scoresDoNotDependOnStagesOrThreads(_ name: String) throws {
        let fixture = try Fixture(name)
        let outputs = try Self.shapes.map {
            merged(try LocalPipeline(fixture, cuts: $0.cuts, threads: $0.threads).run(scoreBody(fixture)))
        }
        for other in outputs.dropFirst() { #expect(other == outputs[0]) }
    }

    /// Recomputing activations, or widening weights at each use, changes no bit.
    @Test func scoresDoNotDependOnMemory() throws {
        let fixture = try Fixture("qwen3")
        let outputs = try [1 << 30, 60_000, 0].map { bytes in
            merged(try LocalPipeline(fixture, cuts: [1], memoryBytes: bytes).run(scoreBody(fixture)))
        }
        #expect(outputs[0] == outputs[1])
        #expect(outputs[0] == outputs[2])
    }

    @Test(arguments: Fixture.names) func greedyContinuationMatchesTransformers(_ name: String) throws {
        let fixture = try Fixture(name)
        let prompts = try fixture.sequences().map { Array($0.tokens.prefix($0.scoredFrom)) }
        for shape in Self.shapes {
            for slots in [1, 3, 4] {
                let results = try LocalPipeline(fixture, cuts: shape.cuts, threads: shape.threads).run(
                    .generate(
                        .init(
                            prompts: prompts, slots: slots, maxNewTokens: 12, stopTokens: [], temperature: 0, seed: 0,
                            streams: prompts.indices.map { UInt64($0) })))
                let tokens = try #require(results[0]["tokens"]).buffer.int32Array()
                let expected = try prompts.indices.flatMap { try fixture.integers("greedy.\($0)") }
                #expect(tokens == expected, "\(name), \(slots) slots, cuts \(shape.cuts)")
            }
        }
    }

    /// What prompts have in common runs once and is copied: each answer is the one it would be alone.
    @Test(arguments: Fixture.names) func aSharedBeginningChangesNoAnswer(_ name: String) throws {
        let fixture = try Fixture(name)
        let text = try fixture.sequences().map(\.tokens)
        let beginning = Array(text[1].prefix(6))
        let prompts = [[], [1, 2], Array(text[0].prefix(5)), [2]].map { beginning + $0 }
        func answers(_ prompts: [[Int32]], slots: Int) throws -> [Int32] {
            let results = try LocalPipeline(fixture, cuts: [1]).run(
                .generate(
                    .init(
                        prompts: prompts, slots: slots, maxNewTokens: 10, stopTokens: [], temperature: 0, seed: 0,
                        streams: prompts.indices.map { UInt64($0) })))
            return try #require(results[0]["tokens"]).buffer.int32Array()
        }
        let alone = try prompts.flatMap { try answers([$0], slots: 1) }
        #expect(try answers(prompts, slots: 4) == alone)
        // Later prompts enter a group that is under way.
        #expect(try answers(prompts, slots: 2) == alone)
    }

    @Test func samplingDependsOnTheStreamOnly() throws {
        let fixture = try Fixture("qwen2")
        let prompts = try fixture.sequences().map { Array($0.tokens.prefix($0.scoredFrom)) }
        func answers(_ seed: UInt64, cuts: [Int]) throws -> [Int32] {
            let body = TaskBody.generate(
                .init(
                    prompts: prompts, slots: 2, maxNewTokens: 8, stopTokens: [3], temperature: 1, seed: seed,
                    streams: [7, 8, 9, 10]))
            return try LocalPipeline(fixture, cuts: cuts).run(body)[0]["tokens"]!.buffer.int32Array()
        }
        #expect(try answers(1, cuts: []) == answers(1, cuts: [1]))
        #expect(try answers(1, cuts: []) != answers(2, cuts: []))
    }

    private func training(_ fixture: Fixture, _ parameters: TaskBody.Training.Parameters, steps: Range<Int> = 0..<3)
        throws -> TaskBody
    {
        let sequences = try fixture.sequences()
        let step = [Batch(sequences: Array(sequences.prefix(2))), Batch(sequences: Array(sequences.dropFirst(2)))]
        return .train(
            .init(
                steps: steps.map { _ in step }, firstStep: steps.lowerBound, parameters: parameters, learningRate: 1e-3)
        )
    }

    @Test(arguments: Fixture.names) func fineTuningMatchesTorch(_ name: String) throws {
        let fixture = try Fixture(name)
        var first: [String: [UInt8]]?
        for shape in Self.shapes {
            let pipeline = try LocalPipeline(fixture, cuts: shape.cuts, threads: shape.threads)
            let losses = try #require(try pipeline.run(training(fixture, .all)).last?["losses"])
            #expect(try relativeError(losses.buffer.floatArray(), fixture.floats("trained.losses")) < 1e-4)
            let exported = try pipeline.run(.export)
            for name in fixture.expected.entries.map(\.name)
            where name.hasPrefix("trained.model") || name.hasPrefix("trained.lm") {
                let weight = String(name.dropFirst("trained.".count))
                let entry = try #require(exported.lazy.compactMap { $0[weight] }.first, "\(weight) was not exported")
                let error = try relativeError(entry.buffer.floatArray(), fixture.floats(name))
                #expect(error < 1e-4, "\(fixture.name) \(weight): \(error)")
            }
            let bits = merged(exported)
            #expect(
                first == nil || first == bits, "\(name): other bits from cuts \(shape.cuts), \(shape.threads) threads")
            first = first ?? bits
        }
    }

    /// Three steps in one task, or in three.
    @Test(arguments: [[], [1]]) func trainingGoesOnAcrossTasks(_ cuts: [Int]) throws {
        let fixture = try Fixture("qwen2")
        let once = try LocalPipeline(fixture, cuts: cuts)
        _ = try once.run(training(fixture, .all))
        let apart = try LocalPipeline(fixture, cuts: cuts)
        for step in 0..<3 { _ = try apart.run(training(fixture, .all, steps: step..<step + 1)) }
        #expect(try merged(once.run(.export)) == merged(apart.run(.export)))
    }

    @Test(arguments: Fixture.names) func frozenWeightsGetNoUpdateAtAll(_ name: String) throws {
        let fixture = try Fixture(name)
        var entries: [TensorBundle.Entry] = []
        for layer in 0..<fixture.source.config.layerCount {
            for map in LinearMap.allCases {
                let shape = map.shape(in: fixture.source.config)
                let count = shape.rows * shape.columns
                let bits = AlignedBuffer(byteCount: (count + 7) / 8)
                for i in 0..<count where UInt32(truncatingIfNeeded: i &* 2_654_435_761) < 1 << 31 {
                    bits.bytes[i / 8] |= 1 << UInt8(i % 8)
                }
                entries.append(
                    .init(name: map.weightName(layer: layer), type: .u8, shape: [bits.byteCount], buffer: bits))
            }
        }
        let pipeline = try LocalPipeline(fixture, cuts: [1])
        try pipeline.apply(TensorBundle(metadata: ["edit": "freeze"], entries: entries))
        _ = try pipeline.run(training(fixture, .linear))
        let exported = try pipeline.run(.export).flatMap(\.entries)
        for mask in entries {
            let tuned = try #require(exported.first { $0.name == mask.name }).buffer.floatArray()
            let original = AlignedBuffer(floats: tuned.count)
            let rows = fixture.source.shape(of: mask.name)![0]
            try fixture.source.read(mask.name, rows: 0..<rows, into: original.floats.baseAddress!)
            var moved = 0
            for i in tuned.indices {
                if mask.buffer.bytes[i / 8] >> UInt8(i % 8) & 1 == 1 {
                    #expect(tuned[i].bitPattern == original.floats[i].bitPattern)
                } else if tuned[i] != original.floats[i] {
                    moved += 1
                }
            }
            #expect(moved > tuned.count / 4)
        }
        for name in fixture.expected.entries.map(\.name) where name.hasPrefix("frozen.model") {
            let entry = try #require(exported.first { "frozen." + $0.name == name })
            #expect(try relativeError(entry.buffer.floatArray(), fixture.floats(name)) < 1e-4)
        }
    }

    /// An edit reads as zero weights, and undoing it leaves no trace.
    @Test(arguments: [1 << 30, 0]) func anEditIsUndoneToTheBit(memoryBytes: Int) throws {
        let fixture = try Fixture("llama")
        let body = TaskBody.likelihood(batches: [Batch(sequences: try fixture.sequences())])
        let pipeline = try LocalPipeline(fixture, cuts: [1], memoryBytes: memoryBytes)
        let before = merged(try pipeline.run(body))
        let name = LinearMap.down.weightName(layer: 0)
        let count = fixture.source.shape(of: name)!.reduce(1, *)
        let all = AlignedBuffer(bytes: [UInt8](repeating: 0xFF, count: (count + 7) / 8))
        try pipeline.apply(TensorBundle(entries: [.init(name: name, type: .u8, shape: [all.byteCount], buffer: all)]))
        let during = merged(try pipeline.run(body))
        try pipeline.apply(nil)
        #expect(before != during)
        #expect(merged(try pipeline.run(body)) == before)
    }

    @Test func anEditOfAnUnknownKindIsRefusedInWordsAndChangesNothing() throws {
        let fixture = try Fixture("llama")
        let body = TaskBody.likelihood(batches: [Batch(sequences: try fixture.sequences())])
        let pipeline = try LocalPipeline(fixture, cuts: [1])
        let before = merged(try pipeline.run(body))
        let error = #expect(throws: SelectionError.self) {
            try pipeline.apply(TensorBundle(metadata: [EditKind.key: "rotate"]))
        }
        #expect(error?.description.hasPrefix("edits of kind rotate are unknown") == true)
        #expect(merged(try pipeline.run(body)) == before)
    }
}
