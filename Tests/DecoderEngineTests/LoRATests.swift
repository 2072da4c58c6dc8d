import Checkpoint
import ModelFixtures
import Protocol
import Selection
import Tensors
import Testing

/// Fine-tuning of matrices beside the linear maps (LoRA), against PyTorch (scripts/fixtures/make_lora.py) and itself.
@Suite struct LoRATests {
    static let lora = LoRA(
        rank: 3, alpha: 6, maps: ["self_attn.q_proj", "self_attn.v_proj", "mlp.up_proj", "mlp.down_proj"], seed: 7)

    private func expected(_ fixture: Fixture) throws -> TensorBundle {
        try TensorBundle(safetensors: fixture.path + "/lora.safetensors")
    }

    private func training(
        _ fixture: Fixture, _ steps: Range<Int>, rate: Float = 1e-2, decay: Float = 0
    ) throws -> TaskBody {
        let sequences = try fixture.sequences()
        let step = sequences.map { Batch(sequences: [$0]) }
        return .train(
            .init(
                steps: steps.map { _ in step }, firstStep: steps.lowerBound, parameters: .linear, learningRate: rate,
                weightDecay: decay, lora: Self.lora))
    }

    private func merged(_ results: [TensorBundle]) -> [String: [UInt8]] {
        Dictionary(results.flatMap(\.entries).map { ($0.name, $0.buffer.byteArray()) }) { first, _ in first }
    }

    private func text(_ fixture: Fixture) throws -> TaskBody {
        .likelihood(batches: [Batch(sequences: try fixture.sequences())])
    }

    private func state(_ saved: [TensorBundle], step: Int, isFinal: Bool = false) throws -> TensorBundle {
        var edit = TensorBundle(metadata: [
            EditKind.key: EditKind.training.rawValue, TrainingEdit.steps: "\(step)", TrainingEdit.parameters: "linear",
            TrainingEdit.isFinal: "\(isFinal)", TrainingEdit.lora: Self.lora.text,
        ])
        edit.entries = saved.flatMap(\.entries)
        let bytes = edit.image().bytes()
        return try bytes.withUnsafeBytes { try TensorBundle(safetensors: $0, source: "test") }
    }

    @Test(arguments: Fixture.names) func lossesAndMatricesAreThoseOfPyTorch(_ name: String) throws {
        let fixture = try Fixture(name)
        let expected = try expected(fixture)
        let pipeline = try LocalPipeline(fixture, cuts: [1])
        let losses = try #require(try pipeline.run(training(fixture, 0..<4)).last?[ResultName.losses])
        #expect(relativeError(losses.buffer.floatArray(), expected["losses"]!.buffer.floatArray()) < 1e-4)
        let trained = try pipeline.run(.export).flatMap(\.entries)
        #expect(trained.count == 8 * fixture.source.config.layerCount)
        for entry in trained {
            let wanted = try #require(expected[entry.name])
            #expect(entry.shape == wanted.shape)
            #expect(relativeError(entry.buffer.floatArray(), wanted.buffer.floatArray()) < 1e-4, "\(entry.name)")
        }
    }

    @Test func anyStagesThreadsAndStopsGiveTheSameBits() throws {
        let fixture = try Fixture("llama")
        let whole = try LocalPipeline(fixture, cuts: [])
        let losses = try whole.run(training(fixture, 0..<4)).last?[ResultName.losses]?.buffer.floatArray()
        let golden = merged(try whole.run(.export))
        let answers = merged(try whole.run(text(fixture)))
        for (cuts, threads, step, later) in [([1], 2, 1, [2]), ([1, 2], 3, 3, []), ([], 2, 2, [1, 2])] {
            let first = try LocalPipeline(fixture, cuts: cuts, threads: threads)
            let before = try first.run(training(fixture, 0..<step)).last?[ResultName.losses]?.buffer.floatArray()
            let saved = try state(first.run(.checkpoint), step: step)
            let second = try LocalPipeline(fixture, cuts: later, threads: threads)
            try second.apply(saved)
            let after = try second.run(training(fixture, step..<4)).last?[ResultName.losses]?.buffer.floatArray()
            #expect((before ?? []) + (after ?? []) == losses)
            let end = try second.run(.export)
            #expect(merged(end) == golden)
            #expect(merged(try second.run(text(fixture))) == answers)
            // The finished matrices alone, and the low-rank edit of them, are the same model to the bit.
            let third = try LocalPipeline(fixture, cuts: cuts)
            try third.apply(state(end, step: 4, isFinal: true))
            #expect(merged(try third.run(text(fixture))) == answers)
            #expect(throws: (any Error).self) { try third.run(training(fixture, 4..<5)) }
            let edit = try LowRankEdit(trained: end.flatMap(\.entries), Self.lora)
            try third.apply(edit.bundle)
            #expect(merged(try third.run(text(fixture))) == answers)
            // Taken back, it is the checkpoint.
            try third.apply(nil)
            let unedited = try LocalPipeline(fixture, cuts: []).run(text(fixture))
            #expect(merged(try third.run(text(fixture))) == merged(unedited))
        }
    }

    @Test func withoutAStepTheModelIsTheCheckpoint() throws {
        let fixture = try Fixture("qwen2")
        let unedited = merged(try LocalPipeline(fixture, cuts: []).run(text(fixture)))
        let pipeline = try LocalPipeline(fixture, cuts: [1])
        _ = try pipeline.run(training(fixture, 0..<0))
        #expect(merged(try pipeline.run(text(fixture))) == unedited)
        // B stays zero where nothing is learnt.
        _ = try pipeline.run(training(fixture, 0..<2, rate: 0))
        #expect(merged(try pipeline.run(text(fixture))) == unedited)
        let trained = try pipeline.run(.export).flatMap(\.entries)
        for entry in trained where entry.name.hasPrefix("lora_B.") {
            #expect(entry.buffer.floats.allSatisfy { $0 == 0 })
        }
    }

    /// The gradient of one step, seen in Adam's first moment, which is a tenth of it.
    @Test func theGradientIsThatOfFiniteDifferences() throws {
        let fixture = try Fixture("qwen3")
        // B is not zero after two steps, so that A has a gradient, too.
        let pipeline = try LocalPipeline(fixture, cuts: [])
        _ = try pipeline.run(training(fixture, 0..<2))
        let saved = try state(pipeline.run(.checkpoint), step: 2)
        func loss(_ state: TensorBundle) throws -> Double {
            try pipeline.apply(state)
            return Double(try pipeline.run(training(fixture, 2..<3))[0][ResultName.losses]!.buffer.floatArray()[0])
        }
        func changed(_ name: String, _ index: Int, by step: Float) throws -> TensorBundle {
            let bytes = saved.image().bytes()
            let copy = try bytes.withUnsafeBytes { try TensorBundle(safetensors: $0, source: "test") }
            copy[name]!.buffer.floats[index] += step
            return copy
        }
        _ = try loss(try changed("lora_A.model.layers.0.self_attn.q_proj.weight", 0, by: 0))
        let after = try pipeline.run(.checkpoint)[0]
        for name in ["lora_A.model.layers.0.self_attn.q_proj.weight", "lora_B.model.layers.1.mlp.down_proj.weight"] {
            let first = saved["adam.first." + name]!.buffer.floatArray()
            let next = after["adam.first." + name]!.buffer.floatArray()
            // m' = 0.9 m + 0.1 g
            let gradient = zip(first, next).map { (Double($1) - 0.9 * Double($0)) / 0.1 }
            // Along the gradient the loss changes most, which a difference in f32 can show.
            let index = gradient.indices.max { abs(gradient[$0]) < abs(gradient[$1]) }!
            let step: Float = 0.02
            let change = try loss(changed(name, index, by: step)) - loss(changed(name, index, by: -step))
            let slope = change / Double(2 * step)
            #expect(
                abs(slope - gradient[index]) < 0.02 * abs(gradient[index]) + 1e-4,
                "\(name): \(slope) \(gradient[index])")
        }
    }

    @Test func whatDoesNotGoTogetherIsRefused() throws {
        var training = TaskBody.Training(steps: [], firstStep: 0, parameters: .all, learningRate: 1, lora: Self.lora)
        #expect(throws: ProtocolError.self) { try TaskBody.train(training).check() }
        training.parameters = .linear
        try TaskBody.train(training).check()
        training.lora?.rank = 0
        #expect(throws: ProtocolError.self) { try TaskBody.train(training).check() }
        #expect(LoRA(text: Self.lora.text) == Self.lora)
        #expect(LoRA(text: "3 6.0 7") == nil)
    }
}
