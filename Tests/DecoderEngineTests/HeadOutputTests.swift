import Checkpoint
import ModelFixtures
import Protocol
import Selection
import Tensors
import Testing
import Transformer

/// Head outputs and their removal against PyTorch (scripts/fixtures/make_probe.py), from any number of stages and threads.
@Suite struct HeadOutputTests {
    private func probe(_ fixture: Fixture) throws -> TensorBundle {
        try TensorBundle(safetensors: fixture.path + "/probe.safetensors")
    }

    private func prompts(_ fixture: Fixture) throws -> [TokenSequence] {
        try fixture.sequences().map {
            TokenSequence(tokens: Array($0.tokens.prefix($0.scoredFrom)), scoredFrom: $0.scoredFrom)
        }
    }

    private func outputs(_ results: [TensorBundle]) -> [String: [Float]] {
        Dictionary(uniqueKeysWithValues: results.flatMap(\.entries).map { ($0.name, $0.buffer.floatArray()) })
    }

    @Test(arguments: Fixture.names) func featuresMatchTransformers(_ name: String) throws {
        let fixture = try Fixture(name)
        let expected = try probe(fixture)
        let config = fixture.source.config
        let prompts = try prompts(fixture)
        // Prompts alone, prompts with their responses, and in two batches: the same features.
        let forms: [[Batch]] = [
            [Batch(sequences: prompts)], [Batch(sequences: try fixture.sequences())],
            [Batch(sequences: Array(prompts.prefix(1))), Batch(sequences: Array(prompts.dropFirst()))],
        ]
        for batches in forms {
            let found = try LocalPipeline(fixture, cuts: []).run(.score(statistics: [.headOutput], batches: batches))
            for layer in 0..<config.layerCount {
                let own = try #require(found[0][StatisticName.headOutput(layer: layer)])
                let theirs = try #require(expected["head_output.\(layer)"])
                #expect(own.shape == [prompts.count, config.headCount * config.headDim])
                #expect(own.shape == theirs.shape)
                #expect(relativeError(own.buffer.floatArray(), theirs.buffer.floatArray()) < 1e-5)
            }
        }
    }

    /// A beginning that prompts share runs once, gives no features of its own, and changes none.
    @Test(arguments: Fixture.names) func sharedBeginnings(_ name: String) throws {
        let fixture = try Fixture(name)
        let head = try prompts(fixture)[1].tokens
        let plain = try fixture.sequences().map { sequence in
            let tokens = head + sequence.tokens
            return TokenSequence(tokens: tokens, scoredFrom: tokens.count)
        }
        let groups = SequenceGroup.sharingPrefix(plain, name: "p", maximumTokens: 1000)
        let shared = groups.flatMap(\.sequences)
        #expect(shared.count == plain.count + 1)
        let alone = outputs(
            try LocalPipeline(fixture, cuts: []).run(
                .score(statistics: [.headOutput], batches: [Batch(sequences: plain)])))
        let once = outputs(
            try LocalPipeline(fixture, cuts: []).run(
                .score(statistics: [.headOutput], batches: [Batch(sequences: shared)])))
        #expect(alone.keys == once.keys)
        for (key, values) in alone { #expect(relativeError(once[key]!, values) < 1e-5, "\(key)") }
    }

    /// Where all tokens after a shared beginning are response, the prompt ends with the beginning.
    @Test func aPromptThatIsAllBeginning() throws {
        let fixture = try Fixture("qwen2")
        let prompt = try prompts(fixture)[0]
        let answers = [[5, 6], [7]].map { TokenSequence(tokens: $0, scoredFrom: 0, prefix: 0) }
        let pipeline = try LocalPipeline(fixture, cuts: [])
        let found = outputs(
            try pipeline.run(.score(statistics: [.headOutput], batches: [Batch(sequences: [prompt] + answers)])))
        let alone = outputs(try pipeline.run(.score(statistics: [.headOutput], batches: [Batch(sequences: [prompt])])))
        for (key, values) in alone { #expect(relativeError(found[key]!, values + values) < 1e-5) }
    }

    @Test(arguments: Fixture.names) func anyStagesAndThreadsGiveTheSameBits(_ name: String) throws {
        let fixture = try Fixture(name)
        let batches = try prompts(fixture).map { Batch(sequences: [$0, $0]) }
        let all = try JobTests.shapes.map { shape in
            outputs(
                try LocalPipeline(fixture, cuts: shape.cuts, threads: shape.threads).run(
                    .score(statistics: [.headOutput], batches: batches))
            )
        }
        #expect(all[0].count == fixture.source.config.layerCount)
        for other in all.dropFirst() { #expect(other == all[0]) }
    }

    /// Zero columns of the output projection are the head's silence, also where heads share keys and values.
    @Test(arguments: Fixture.names) func aRemovedHeadIsSilent(_ name: String) throws {
        let fixture = try Fixture(name)
        let expected = try probe(fixture)
        let config = fixture.source.config
        let mask = try HeadMask.mask(of: [1, config.headCount], in: config)
        let stage = try fixture.stage()
        for layer in stage.layers {
            for matrix in layer.stacks {
                for (number, part) in matrix.parts.enumerated() {
                    guard let map = mask[part.name] else { continue }
                    matrix.zero(part: number, mask: map.bits.withBytes { AlignedBuffer(bytes: Array($0)) })
                }
            }
        }
        for (index, sequence) in try fixture.sequences().enumerated() {
            let batch = try fixture.packed([TokenSequence(tokens: sequence.tokens, scoredFrom: sequence.tokens.count)])
            let x = try #require(stage.embedding).rows(batch.tokens)
            let y = try stage.forward(x, batch: batch)
            var own: [Float] = []
            try #require(stage.head).forEachLogits(y, rows: Array(0..<batch.rowCount)) { rows, logits, _ in
                own += UnsafeBufferPointer(start: logits, count: rows.count * config.vocabularySize)
            }
            let theirs = try #require(expected["ablated.\(index)"]).buffer.floatArray()
            #expect(relativeError(own, theirs) < 1e-5)
            #expect(relativeError(try fixture.floats("logits.\(index)"), theirs) > 1e-3)
        }
    }
}
