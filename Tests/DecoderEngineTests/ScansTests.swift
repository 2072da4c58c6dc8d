import Checkpoint
import Linalg
import ModelFixtures
import Protocol
import Selection
import Tensors
import Testing
import Transformer

/// SCANS' transitions, cosines and steering of both signs against transformers (scripts/fixtures/make_scans.py), and the same
/// bits from any stages and threads. Sequences 0 and 1 are harmful anchors, 2 and 3 harmless ones.
@Suite struct ScansTests {
    private static let labels = ["harmful", "harmless"]

    private func expected(_ fixture: Fixture) throws -> TensorBundle {
        try TensorBundle(safetensors: fixture.path + "/scans.safetensors")
    }

    private func prompts(_ fixture: Fixture) throws -> [[Int32]] {
        try fixture.sequences().map { Array($0.tokens.prefix($0.scoredFrom)) }
    }

    private func examples(_ fixture: Fixture, _ response: [Int32]) throws -> [TokenSequence] {
        try prompts(fixture).enumerated().map { number, prompt in
            TokenSequence(tokens: prompt + response, scoredFrom: prompt.count, group: number / 2)
        }
    }

    private func rows(
        _ fixture: Fixture, _ batches: [Batch], cuts: [Int] = [1], threads: Int = 1
    ) throws -> [TensorBundle.Entry] {
        try LocalPipeline(fixture, cuts: cuts, threads: threads).run(
            .score(statistics: [Transition().request(classes: 2)], batches: batches)
        ).flatMap(\.entries)
    }

    /// Rows of a class at the output of block `layer`; of the last one after the final norm.
    private func rows(
        _ bundle: TensorBundle, _ title: String, _ label: String, after layer: Int, _ config: ModelConfig
    ) throws -> [[Float]] {
        let place = layer + 1 < config.layerCount ? ResidualPlace.input(layer + 1) : .norm
        let entry = try #require(bundle["\(title).\(label).\(place)"])
        return (0..<entry.shape[0]).map {
            Array(entry.buffer.floats[$0 * entry.shape[1]..<($0 + 1) * entry.shape[1]])
        }
    }

    @Test(arguments: Fixture.names) func transitionsAndCosinesMatchTransformers(_ name: String) throws {
        let fixture = try Fixture(name)
        let config = fixture.source.config
        let file = try expected(fixture)
        let response = try #require(file["response"]).buffer.int32Array()
        let own = TensorBundle(
            entries: try Transition().finished(
                TensorBundle(entries: try rows(fixture, [Batch(sequences: try examples(fixture, response))])),
                classes: Self.labels))
        let cosines = try #require(file["cosine"]).buffer.doubleArray()
        for layer in 0..<config.layerCount {
            let harmful = try rows(own, "change", "harmful", after: layer, config)
            let changes = harmful + (try rows(own, "change", "harmless", after: layer, config))
            let theirs = try #require(file["change.\(layer)"]).buffer.floatArray()
            #expect(relativeError(changes.flatMap { $0 }, theirs) < 1e-4, "\(name), block \(layer)")
            let reference = ScansGate.mean(harmful)
            for (number, change) in changes.enumerated() {
                let cosine = ScansGate.cosine(change, reference)
                #expect(abs(cosine - cosines[number * config.layerCount + layer]) < 1e-4)
            }
            let vector = ScansGate.refusalVector(
                harmful: try rows(own, "state", "harmful", after: layer, config),
                harmless: try rows(own, "state", "harmless", after: layer, config))
            let their = try #require(file["vector.\(layer)"]).buffer.floatArray()
            #expect(relativeError(vector.map { Float($0) }, their) < 1e-4, "\(name), block \(layer)")
        }
    }

    @Test(arguments: Fixture.names) func steeringOfBothSignsMatchesTransformers(_ name: String) throws {
        let fixture = try Fixture(name)
        let (file, prompts) = (try expected(fixture), try prompts(fixture))
        let theirs = try prompts.indices.flatMap { try #require(file["greedy.\($0)"]).buffer.int32Array() }
        for (shape, slots) in zip(JobTests.shapes, [1, 3, 4, 2]) {
            let pipeline = try LocalPipeline(fixture, cuts: shape.cuts, threads: shape.threads)
            try pipeline.apply(try steering(file, [prompts[0], prompts[2]], [prompts[1], prompts[3]]).bundle)
            let own = try #require(try pipeline.run(generation(prompts, slots: slots))[0]["tokens"])
            #expect(own.buffer.int32Array() == theirs, "\(name), \(slots) slots, cuts \(shape.cuts)")
        }
    }

    /// Every block's refusal vector, as the file has it, 3 times.
    private func steering(
        _ file: TensorBundle, _ gate: Set<[Int32]>, _ opposite: Set<[Int32]>, start: Steering.Start = .lastPromptToken
    ) throws -> Steering {
        var vectors: [Int: [Float]] = [:]
        while let entry = file["vector.\(vectors.count)"] {
            vectors[vectors.count] = entry.buffer.floatArray().map { 3 * $0 }
        }
        return Steering(vectors: vectors, start: start, gate: gate, opposite: opposite)
    }

    private func generation(_ prompts: [[Int32]], slots: Int = 4) -> TaskBody {
        .generate(
            .init(
                prompts: prompts, slots: slots, maxNewTokens: 12, stopTokens: [], temperature: 0, seed: 0,
                streams: prompts.indices.map { UInt64($0) }))
    }

    /// Steering without a fixture of its own: one vector, of numbers.
    private func simple(_ fixture: Fixture, sign: Float, _ gate: Set<[Int32]>?, _ opposite: Set<[Int32]>) -> Steering {
        let width = fixture.source.config.hiddenSize
        let vector = (0..<width).map { sign * Float($0 % 5 - 2) / 4 }
        return Steering(vectors: [0: vector, 1: vector], start: .position(0), gate: gate, opposite: opposite)
    }

    /// Prompts with a beginning in common that are changed from their first token on, each its own way.
    @Test(arguments: ["llama", "mistral"]) func theOppositeIsTheVectorOfTheOtherSign(_ name: String) throws {
        let fixture = try Fixture(name)
        let beginning = Array(try prompts(fixture)[1].prefix(6))
        let prompts: [[Int32]] = [[4], [1, 2], [9, 8, 7], [2]].map { beginning + $0 }
        let (plus, minus) = (Set([prompts[0], prompts[3]]), Set([prompts[1]]))
        func tokens(_ steering: Steering, cuts: [Int] = [1], slots: Int = 4) throws -> [[Int32]] {
            let pipeline = try LocalPipeline(fixture, cuts: cuts)
            try pipeline.apply(steering.bundle)
            let all = try #require(try pipeline.run(generation(prompts, slots: slots))[0]["tokens"])
                .buffer.int32Array()
            return prompts.indices.map { Array(all[$0 * 12..<($0 + 1) * 12]) }
        }
        let both = try tokens(simple(fixture, sign: 1, plus, minus))
        let added = try tokens(simple(fixture, sign: 1, plus, []))
        let subtracted = try tokens(simple(fixture, sign: -1, minus, []))
        #expect(both[0] == added[0] && both[3] == added[3] && both[1] == subtracted[1])
        // The third prompt is in neither set.
        #expect(both[2] == added[2] && both[2] == subtracted[2])
        #expect(both[1] != added[1])
        for (cuts, slots) in [([Int](), 1), ([1], 2)] {
            #expect(try tokens(simple(fixture, sign: 1, plus, minus), cuts: cuts, slots: slots) == both)
        }
        func likelihoods(_ sequences: [TokenSequence]) throws -> [Float] {
            let pipeline = try LocalPipeline(fixture, cuts: [1])
            try pipeline.apply(simple(fixture, sign: 1, plus, minus).bundle)
            return try #require(
                try pipeline.run(.likelihood(batches: [Batch(sequences: sequences)])).flatMap(\.entries).first {
                    $0.name == "log_probability"
                }
            ).buffer.floatArray()
        }
        let whole = prompts.map { TokenSequence(tokens: $0 + [5, 6], scoredFrom: $0.count) }
        let head = TokenSequence(tokens: beginning, scoredFrom: beginning.count)
        let parts =
            [head]
            + whole.map {
                TokenSequence(
                    tokens: Array($0.tokens.dropFirst(beginning.count)), scoredFrom: $0.scoredFrom - beginning.count,
                    prefix: 0)
            }
        #expect(relativeError(try likelihoods(parts), try whole.flatMap { try likelihoods([$0]) }) < 1e-5)
    }

    @Test func anyStagesAndThreadsGiveTheSameRows() throws {
        let fixture = try Fixture("llama")
        let batches = try examples(fixture, [3, 5]).map { Batch(sequences: [$0, $0]) }
        func bytes(_ entries: [TensorBundle.Entry]) -> [String: [UInt8]] {
            Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0.buffer.byteArray()) })
        }
        let golden = bytes(try rows(fixture, batches, cuts: []))
        #expect(golden.count == 3 * (fixture.source.config.layerCount + 2))
        for shape in JobTests.shapes {
            #expect(bytes(try rows(fixture, batches, cuts: shape.cuts, threads: shape.threads)) == golden)
        }
    }

    /// What prompts begin with alike runs once.
    @Test func aSharedBeginningChangesNoRowByMuch() throws {
        let fixture = try Fixture("llama")
        let whole = (0..<3).map { number in
            TokenSequence(tokens: [4, 5, 6, 7, Int32(10 + number), 3, 9], scoredFrom: 5, group: number % 2)
        }
        let groups = SequenceGroup.sharingPrefix(whole, name: "prompts", maximumTokens: 1000)
        #expect(groups.count == 1 && groups[0].sequences.count == 4)
        let shared = try rows(fixture, [Batch(sequences: groups[0].sequences)])
        for (own, other) in zip(shared, try rows(fixture, [Batch(sequences: whole)])) {
            #expect(own.name == other.name && own.shape == other.shape)
            #expect(relativeError(own.buffer.floatArray(), other.buffer.floatArray()) < 1e-5, "\(own.name)")
        }
    }
}
