import Checkpoint
import Linalg
import ModelFixtures
import Protocol
import Tensors
import Testing
import Transformer

/// Answers with a repetition penalty: against a loop that computes every token anew, against transformers
/// (scripts/fixtures/make_scans.py), and the same from any stages, threads and slots.
@Suite struct RepetitionTests {
    private static let newTokens = 8

    private func prompts(_ fixture: Fixture) throws -> [[Int32]] {
        try fixture.sequences().map { Array($0.tokens.prefix($0.scoredFrom)) }
    }

    private func body(
        _ prompts: [[Int32]], penalty: Float, slots: Int, tokens: Int = newTokens, temperature: Float = 0
    ) -> TaskBody {
        .generate(
            .init(
                prompts: prompts, slots: slots, maxNewTokens: tokens, stopTokens: [], temperature: temperature, seed: 1,
                streams: prompts.indices.map { UInt64($0) }, repetitionPenalty: penalty))
    }

    private func answers(_ pipeline: LocalPipeline, _ body: TaskBody) throws -> [Int32] {
        try #require(try pipeline.run(body)[0]["tokens"]).buffer.int32Array()
    }

    /// Every token from the beginning, with the penalty as it is defined.
    private func naive(_ fixture: Fixture, _ prompt: [Int32], penalty: Float) throws -> [Int32] {
        let stage = try fixture.stage()
        let config = fixture.source.config
        var tokens = prompt
        for _ in 0..<Self.newTokens {
            let cache = KeyValueCache(config, layers: config.layerCount, slots: 1, capacity: tokens.count)
            let batch = try PackedBatch([(tokens, tokens.count, nil)])
            let y = try stage.prefill(stage.embedding!.rows(batch.tokens), batch: batch, slots: [0], cache: cache)
            var logits: [Float] = []
            try stage.head!.forEachLogits(y, rows: [tokens.count - 1]) { _, values, _ in
                logits = Array(UnsafeBufferPointer(start: values, count: config.vocabularySize))
            }
            for token in logits.indices where tokens.contains(Int32(token)) {
                logits[token] = logits[token] < 0 ? logits[token] * penalty : logits[token] / penalty
            }
            tokens.append(Int32(logits.firstIndex(of: logits.max()!)!))
        }
        return Array(tokens.dropFirst(prompt.count))
    }

    @Test(arguments: Fixture.names) func answersAreThoseOfTheDefinition(_ name: String) throws {
        let fixture = try Fixture(name)
        let prompts = try prompts(fixture)
        let expected = try prompts.flatMap { try naive(fixture, $0, penalty: 1.3) }
        for (shape, slots) in zip(JobTests.shapes, [1, 3, 4, 2]) {
            let pipeline = try LocalPipeline(fixture, cuts: shape.cuts, threads: shape.threads)
            let own = try answers(pipeline, body(prompts, penalty: 1.3, slots: slots))
            #expect(own == expected, "\(name), \(slots) slots, cuts \(shape.cuts)")
        }
    }

    @Test(arguments: Fixture.names) func answersMatchTransformers(_ name: String) throws {
        let fixture = try Fixture(name)
        let file = try TensorBundle(safetensors: fixture.path + "/scans.safetensors")
        let prompts = try prompts(fixture)
        let own = try answers(
            try LocalPipeline(fixture, cuts: [1]), body(prompts, penalty: 1.3, slots: 2, tokens: 12))
        let theirs = try prompts.indices.flatMap { try #require(file["penalised.\($0)"]).buffer.int32Array() }
        #expect(own == theirs)
    }

    @Test func aStrongPenaltyRepeatsNothing() throws {
        let fixture = try Fixture("qwen2")
        let prompts = try prompts(fixture)
        let pipeline = try LocalPipeline(fixture, cuts: [])
        // Whatever has a logit above 0 falls behind every new token that has one.
        let own = try answers(pipeline, body(prompts, penalty: 1e6, slots: 4))
        for (number, prompt) in prompts.enumerated() {
            let answer = own[number * Self.newTokens..<(number + 1) * Self.newTokens]
            #expect(Set(answer).count == answer.count && Set(answer).isDisjoint(with: prompt))
        }
        let plain = try answers(pipeline, body(prompts, penalty: 1, slots: 4))
        #expect(plain != own)
        #expect(try plain == prompts.indices.flatMap { try fixture.integers("greedy.\($0)").prefix(Self.newTokens) })
    }

    /// Drawn tokens count as well as greedy ones.
    @Test func drawsDependOnNoStagesAndSlots() throws {
        let fixture = try Fixture("llama")
        let prompts = try prompts(fixture)
        let first = try answers(
            LocalPipeline(fixture, cuts: []), body(prompts, penalty: 1.5, slots: 4, temperature: 1))
        for (cuts, slots) in [([Int](), 1), ([1], 3)] {
            let other = try answers(
                LocalPipeline(fixture, cuts: cuts), body(prompts, penalty: 1.5, slots: slots, temperature: 1))
            #expect(other == first)
        }
        let plain = try answers(LocalPipeline(fixture, cuts: []), body(prompts, penalty: 1, slots: 4, temperature: 1))
        #expect(plain != first)
    }
}
