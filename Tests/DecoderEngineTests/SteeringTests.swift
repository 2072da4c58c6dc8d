import Checkpoint
import DecoderEngine
import Foundation
import ModelFixtures
import Protocol
import Selection
import Tensors
import Testing
import Transformer

/// Steering against transformers without a key-value cache (scripts/fixtures/make_steering.py), from any stages, threads,
/// memory and batches, and undone to the bit.
@Suite struct SteeringTests {
    private static let starts: [(label: String, start: Steering.Start)] = [
        ("last_prompt", .lastPromptToken), ("2", .position(2)),
    ]

    private func expected(_ fixture: Fixture) throws -> TensorBundle {
        try TensorBundle(safetensors: fixture.path + "/steering.safetensors")
    }

    private func steering(
        _ fixture: Fixture, _ start: Steering.Start, gate: Set<[Int32]>? = nil
    ) throws -> Steering {
        let file = try expected(fixture)
        let vectors = try (0..<fixture.source.config.layerCount).map { layer in
            (layer, try #require(file["vector.\(layer)"]).buffer.floatArray())
        }
        return Steering(vectors: Dictionary(uniqueKeysWithValues: vectors), start: start, gate: gate)
    }

    private func prompt(_ sequence: TokenSequence) -> [Int32] { Array(sequence.tokens.prefix(sequence.scoredFrom)) }

    /// Log-probabilities of the scored tokens, from logits [length, vocabulary] of PyTorch.
    private func logProbabilities(_ sequence: TokenSequence, _ logits: [Float], _ vocabulary: Int) -> [Float] {
        (sequence.scoredFrom..<sequence.tokens.count).map { index in
            let row = logits[(index - 1) * vocabulary..<index * vocabulary].map { Double($0) }
            let highest = row.max()!
            let sum = row.reduce(0) { $0 + exp($1 - highest) }
            return Float(row[Int(sequence.tokens[index])] - highest - log(sum))
        }
    }

    private func values(_ results: [TensorBundle], _ name: String) throws -> TensorBundle.Entry {
        try #require(results.flatMap(\.entries).first { $0.name == name })
    }

    private func likelihood(_ sequences: [TokenSequence]) -> TaskBody {
        .likelihood(batches: [Batch(sequences: sequences)])
    }

    private func generation(_ prompts: [[Int32]], slots: Int = 3) -> TaskBody {
        .generate(
            .init(
                prompts: prompts, slots: slots, maxNewTokens: 12, stopTokens: [], temperature: 0, seed: 0,
                streams: prompts.indices.map { UInt64($0) }))
    }

    @Test(arguments: Fixture.names) func likelihoodsMatchTransformers(_ name: String) throws {
        let fixture = try Fixture(name)
        let (file, sequences) = (try expected(fixture), try fixture.sequences())
        for (label, start) in Self.starts {
            let pipeline = try LocalPipeline(fixture, cuts: [1])
            try pipeline.apply(try steering(fixture, start).bundle)
            let own = try values(pipeline.run(likelihood(sequences)), "log_probability").buffer.floatArray()
            let theirs = try sequences.enumerated().flatMap { index, sequence in
                logProbabilities(
                    sequence, try #require(file["logits.\(label).\(index)"]).buffer.floatArray(),
                    fixture.source.config.vocabularySize)
            }
            let error = relativeError(own, theirs)
            #expect(error < 1e-5, "\(name), from \(label): \(error)")
        }
    }

    /// Prefill and decoding with a cache give the tokens of a recomputation from the beginning.
    @Test(arguments: Fixture.names) func continuationsMatchTransformers(_ name: String) throws {
        let fixture = try Fixture(name)
        let file = try expected(fixture)
        let prompts = try fixture.sequences().map { prompt($0) }
        for (label, start) in Self.starts {
            let theirs = try prompts.indices.flatMap {
                try #require(file["greedy.\(label).\($0)"]).buffer.int32Array()
            }
            for (shape, slots) in zip(JobTests.shapes, [1, 3, 4, 2]) {
                let pipeline = try LocalPipeline(fixture, cuts: shape.cuts, threads: shape.threads)
                try pipeline.apply(try steering(fixture, start).bundle)
                let own = try values(pipeline.run(generation(prompts, slots: slots)), "tokens").buffer.int32Array()
                #expect(own == theirs, "\(name), from \(label), \(slots) slots, cuts \(shape.cuts)")
            }
        }
    }

    /// Decoding one token after the other gives the logits of one forward pass over all of them.
    @Test(arguments: Fixture.names) func prefillAndDecodingGiveTheLogitsOfARecomputation(_ name: String) throws {
        let fixture = try Fixture(name)
        let stage = try fixture.stage()
        let config = fixture.source.config
        let (file, sequence) = (try expected(fixture), try fixture.sequences()[1])
        for (label, start) in Self.starts {
            let steering = try steering(fixture, start)
            let first = steering.firstPosition(prompt: prompt(sequence))
            stage.writer = Adder(steering)
            let theirs = try #require(file["logits.\(label).1"]).buffer.floatArray()
            let cache = KeyValueCache(config, layers: config.layerCount, slots: 1, capacity: sequence.tokens.count)
            func logits(_ y: AlignedBuffer, row: Int) throws -> [Float] {
                var values: [Float] = []
                try stage.head!.forEachLogits(y, rows: [row]) { _, logits, _ in
                    values += UnsafeBufferPointer(start: logits, count: config.vocabularySize)
                }
                return values
            }
            let begun = try PackedBatch([(prompt(sequence), sequence.scoredFrom, nil)], firstWritten: [first])
            let prefilled = try stage.prefill(
                stage.embedding!.rows(begun.tokens), batch: begun, slots: [0], cache: cache)
            var own = try logits(prefilled, row: sequence.scoredFrom - 1)
            for token in sequence.tokens[sequence.scoredFrom...] {
                let step = DecodeBatch.make(tokens: [token], positions: [cache.lengths[0]], firstWritten: [first])
                let y = try stage.decode(stage.embedding!.rows(step.tokens), batch: step, slots: [0], cache: cache)
                own += try logits(y, row: 0)
            }
            let error = relativeError(own, theirs[((sequence.scoredFrom - 1) * config.vocabularySize)...])
            #expect(error < 1e-5, "\(name), from \(label): \(error)")
        }
    }

    @Test(arguments: Fixture.names) func aGateLeavesTheOtherPromptsAlone(_ name: String) throws {
        let fixture = try Fixture(name)
        let (file, sequences) = (try expected(fixture), try fixture.sequences())
        let prompts = sequences.map { prompt($0) }
        for (label, start) in Self.starts {
            let pipeline = try LocalPipeline(fixture, cuts: [1])
            try pipeline.apply(try steering(fixture, start, gate: [prompts[1], prompts[3]]).bundle)
            let own = try values(pipeline.run(generation(prompts)), "tokens").buffer.int32Array()
            let theirs = try prompts.indices.flatMap { index in
                index % 2 == 1
                    ? try #require(file["greedy.\(label).\(index)"]).buffer.int32Array()
                    : try fixture.integers("greedy.\(index)")
            }
            #expect(own == theirs, "\(name), from \(label)")
        }
    }

    /// Prompts and examples with a beginning in common, which is computed once where it is changed alike.
    @Test(arguments: Fixture.names) func aSharedBeginningChangesNothing(_ name: String) throws {
        let fixture = try Fixture(name)
        let text = try fixture.sequences().map(\.tokens)
        let beginning = Array(text[1].prefix(6))
        let prompts = [[4], [1, 2], Array(text[0].prefix(5)), [2]].map { beginning + $0 }
        let whole = prompts.flatMap { prompt in
            [[7, 8, 9], [3]].map { TokenSequence(tokens: prompt + $0, scoredFrom: prompt.count) }
        }
        // The last prompt token of the first two lies in what is shared, and that of the others behind it.
        let short = TokenSequence(tokens: beginning + [4, 5], scoredFrom: beginning.count)
        let shared = [short, short] + whole
        let head = TokenSequence(tokens: beginning, scoredFrom: beginning.count)
        let parts =
            [head]
            + shared.map {
                TokenSequence(
                    tokens: Array($0.tokens.dropFirst(beginning.count)), scoredFrom: $0.scoredFrom - beginning.count,
                    prefix: 0)
            }
        for gate in [nil, Set([prompts[0], prompts[2]])] {
            for start in [Steering.Start.lastPromptToken, .position(2), .position(8)] {
                let pipeline = try LocalPipeline(fixture, cuts: [1])
                try pipeline.apply(try steering(fixture, start, gate: gate).bundle)
                func tokens(_ prompts: [[Int32]]) throws -> [Int32] {
                    try values(pipeline.run(generation(prompts, slots: 4)), "tokens").buffer.int32Array()
                }
                #expect(try tokens(prompts) == prompts.flatMap { try tokens([$0]) })
                func scores(_ sequences: [TokenSequence]) throws -> [Float] {
                    try values(pipeline.run(likelihood(sequences)), "log_probability").buffer.floatArray()
                }
                let alone = try shared.flatMap { try scores([$0]) }
                #expect(relativeError(try scores(parts), alone) < 1e-5, "\(name), \(start)")
                let alike = [parts[0]] + parts.dropFirst(3)
                #expect(relativeError(try scores(Array(alike)), Array(alone.dropFirst(4))) < 1e-5, "\(name), \(start)")
            }
        }
    }

    @Test(arguments: Fixture.names) func anyStagesThreadsAndMemoryGiveTheSameBits(_ name: String) throws {
        let fixture = try Fixture(name)
        let sequences = try fixture.sequences()
        func bits(cuts: [Int], threads: Int, memoryBytes: Int = 1 << 30) throws -> [[UInt8]] {
            let pipeline = try LocalPipeline(fixture, cuts: cuts, threads: threads, memoryBytes: memoryBytes)
            let body = likelihood(sequences)
            let before = try values(pipeline.run(body), "log_probability").buffer.byteArray()
            try pipeline.apply(try steering(fixture, .position(1)).bundle)
            let during = try values(pipeline.run(body), "log_probability").buffer.byteArray()
            let states = try pipeline.run(
                .score(
                    statistics: [try ResidualState(options: [:]).request()], batches: [Batch(sequences: sequences)]))
            try pipeline.apply(nil)
            let after = try values(pipeline.run(body), "log_probability").buffer.byteArray()
            #expect(before == after && before != during)
            return [during]
                + states.flatMap(\.entries).sorted { $0.name < $1.name }.map { $0.buffer.byteArray() }
        }
        let golden = try bits(cuts: [], threads: 1)
        for shape in JobTests.shapes.dropFirst() {
            #expect(try bits(cuts: shape.cuts, threads: shape.threads) == golden)
        }
        #expect(try bits(cuts: [1], threads: 2, memoryBytes: 1) == golden)
    }

    @Test func whatDoesNotFitTheModelIsRefused() throws {
        let fixture = try Fixture("llama")
        let pipeline = try LocalPipeline(fixture, cuts: [])
        let short = Steering(vectors: [1: [1, 2]], start: .lastPromptToken)
        #expect(throws: SelectionError.shape(map: "steering, block 1", expected: [24], found: [2])) {
            try pipeline.apply(short.bundle)
        }
        var broken = try steering(fixture, .position(2)).bundle
        broken.entries.removeAll { $0.name == "from" }
        #expect { try pipeline.apply(broken) } throws: { "\($0)".hasSuffix("from: is no I32 [1] of at least -1") }
    }
}

/// The edit's write without its worker.
private final class Adder: ResidualWrite {
    private let steering: Steering
    let keepsGradients = true
    init(_ steering: Steering) { self.steering = steering }
    func firstPosition(prompt: [Int32]) -> Int? { steering.firstPosition(prompt: prompt) }
    func writes(_ place: WrittenPlace, layer: Int) -> Bool { place == .output }
    func write(_ place: WrittenPlace, layer: Int, x: UnsafeMutablePointer<Float>, columns: Int, rows: [Int]) {
        for row in rows {
            for (column, value) in steering.vectors[layer]!.enumerated() { x[row * columns + column] += value }
        }
    }
}
