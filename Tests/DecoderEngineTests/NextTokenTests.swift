import Checkpoint
import Evaluation
import ModelFixtures
import Protocol
import Tensors
import Testing

/// Next-token distributions against PyTorch, and the same bits from any stages, threads and memory.
@Suite struct NextTokenTests {
    private static let tokens: [Int32] = [5, 17]

    private func prompts(_ fixture: Fixture) throws -> [TokenSequence] {
        try fixture.sequences().map {
            TokenSequence(tokens: Array($0.tokens.prefix($0.scoredFrom)), scoredFrom: $0.scoredFrom)
        }
    }

    private func expected(_ fixture: Fixture, _ name: String) throws -> [Double] {
        let bundle = try TensorBundle(safetensors: fixture.path + "/next_token.safetensors")
        return try #require(bundle[name]).buffer.doubleArray()
    }

    private func rows(_ results: [TensorBundle]) throws -> TensorBundle.Entry {
        try #require(results.last?[ResultName.nextLogProbability])
    }

    @Test(arguments: Fixture.names) func distributionsMatchTransformers(_ name: String) throws {
        let fixture = try Fixture(name)
        let batch = Batch(sequences: try prompts(fixture))
        let pipeline = try LocalPipeline(fixture, cuts: [1])
        let whole = try rows(pipeline.run(.nextTokens(batches: [batch], tokens: nil)))
        let vocabulary = fixture.source.config.vocabularySize
        #expect(whole.shape == [batch.sequences.count, vocabulary] && whole.type == .f32)
        let own = whole.buffer.floatArray()
        let logs = try expected(fixture, "log_probability")
        for (a, b) in zip(own, logs) { #expect(abs(Double(a) - b) < 1e-4) }

        let some = try rows(pipeline.run(.nextTokens(batches: [batch], tokens: Self.tokens)))
        #expect(some.shape == [batch.sequences.count, 2] && some.type == .f64)
        let chosen = some.buffer.doubleArray()
        let odds = try expected(fixture, "log_odds")
        let exact = try expected(fixture, "divergence")
        let published = try expected(fixture, "divergence_1e-6")
        for prompt in batch.sequences.indices {
            let row = Array(own[prompt * vocabulary..<(prompt + 1) * vocabulary])
            for (index, token) in Self.tokens.enumerated() {
                #expect(Float(chosen[2 * prompt + index]) == row[Int(token)])
            }
            let value = RefusalLogOdds.value(Array(chosen[2 * prompt..<2 * prompt + 2]))
            #expect(abs(value - odds[prompt]) < 1e-4)
            let first = Array(own[..<vocabulary])
            #expect(abs(TokenDivergence.nats(first, row) - exact[prompt]) < 1e-4)
            #expect(abs(TokenDivergence.nats(first, row, epsilon: 1e-6) - published[prompt]) < 1e-4)
        }
    }

    @Test(arguments: ["qwen2", "llama_gqa_llama3_tied"]) func anyStagesThreadsAndMemoryGiveTheSameBits(
        _ name: String
    ) throws {
        let fixture = try Fixture(name)
        let all = try prompts(fixture)
        func bytes(_ batches: [[TokenSequence]], cuts: [Int], threads: Int, memory: Int = 1 << 30) throws -> [UInt8] {
            let pipeline = try LocalPipeline(fixture, cuts: cuts, threads: threads, memoryBytes: memory)
            let body = TaskBody.nextTokens(batches: batches.map { Batch(sequences: $0) }, tokens: nil)
            return try rows(pipeline.run(body)).buffer.byteArray()
        }
        let golden = try bytes([all], cuts: [], threads: 1)
        let apart = try bytes([Array(all.prefix(2)), Array(all.dropFirst(2))], cuts: [], threads: 1)
        for shape in JobTests.shapes {
            #expect(try bytes([all], cuts: shape.cuts, threads: shape.threads) == golden)
            #expect(
                try bytes([Array(all.prefix(2)), Array(all.dropFirst(2))], cuts: shape.cuts, threads: shape.threads)
                    == apart)
        }
        #expect(try bytes([all], cuts: [1], threads: 2, memory: 0) == golden)
    }

    /// What prompts begin with alike runs once and has no row of its own.
    @Test func aSharedBeginningChangesNoBit() throws {
        let fixture = try Fixture("qwen3")
        let text = try prompts(fixture).map(\.tokens)
        let own = [text[0], text[0] + text[1], text[0] + [7], text[0] + text[2]]
        let pipeline = try LocalPipeline(fixture, cuts: [1])
        let sequences = own.map { TokenSequence(tokens: $0, scoredFrom: $0.count) }
        let groups = SequenceGroup.sharingPrefix(sequences, name: "prompts", maximumTokens: 500)
        let shared = try BatchPacking.pack(groups)
        #expect(shared[0].sequences.count == own.count + 1 && shared[0].exampleCount == own.count)
        let together = try rows(pipeline.run(.nextTokens(batches: shared, tokens: Self.tokens)))
        let apart = try rows(
            pipeline.run(.nextTokens(batches: sequences.map { Batch(sequences: [$0]) }, tokens: Self.tokens)))
        #expect(together.shape == apart.shape)
        #expect(together.buffer.byteArray() == apart.buffer.byteArray())
    }

    @Test func aTokenOutsideTheVocabularyIsRefused() throws {
        let fixture = try Fixture("llama")
        let batch = Batch(sequences: try prompts(fixture))
        #expect(throws: (any Error).self) {
            try LocalPipeline(fixture, cuts: []).run(.nextTokens(batches: [batch], tokens: [100_000]))
        }
    }
}
