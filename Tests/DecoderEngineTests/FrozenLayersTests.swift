import Checkpoint
import ModelFixtures
import Protocol
import Selection
import Tensors
import Testing

/// Whole decoder blocks that fine-tuning leaves alone (SPPFT): against PyTorch, and to the bit.
@Suite struct FrozenLayersTests {
    private func training(_ fixture: Fixture, _ steps: Range<Int> = 0..<3) throws -> TaskBody {
        let sequences = try fixture.sequences()
        let step = [Batch(sequences: Array(sequences.prefix(2))), Batch(sequences: Array(sequences.dropFirst(2)))]
        return .train(
            .init(
                steps: steps.map { _ in step }, firstStep: steps.lowerBound, parameters: .all, learningRate: 1e-3,
                weightDecay: 0.1))
    }

    private func original(_ fixture: Fixture, _ name: String) throws -> [Float] {
        let shape = try #require(fixture.source.shape(of: name))
        let buffer = AlignedBuffer(floats: shape.reduce(1, *))
        try fixture.source.read(name, rows: 0..<shape[0], into: buffer.floats.baseAddress!)
        return buffer.floatArray()
    }

    private func floats(_ results: [TensorBundle]) -> [String: [Float]] {
        Dictionary(results.flatMap(\.entries).map { ($0.name, $0.buffer.floatArray()) }) { first, _ in first }
    }

    @Test(arguments: Fixture.names, [true, false]) func theBlockStaysToTheBitAndAllElseIsPyTorchs(
        _ name: String, _ norms: Bool
    ) throws {
        let fixture = try Fixture(name)
        let mask = RestrictedMask.blocks(1..<2, norms: norms, of: fixture.source.config)
        var golden: [String: [Float]]?
        for cuts in [[], [1]] {
            let pipeline = try LocalPipeline(fixture, cuts: cuts)
            try pipeline.apply(FrozenWeights(mask).bundle)
            let losses = try #require(floats(try pipeline.run(training(fixture)))["losses"])
            let tuned = floats(try pipeline.run(.export))
            for (tensor, values) in tuned {
                let isOfBlock = tensor.hasPrefix("model.layers.1.")
                let isFrozen = isOfBlock && (norms || !tensor.hasSuffix("layernorm.weight"))
                let before = try original(fixture, tensor)
                #expect((values == before) == isFrozen, "\(tensor)")
            }
            #expect(golden == nil || golden == tuned)
            golden = tuned
            guard !norms else { continue }
            let theirs = try TensorBundle(safetensors: fixture.path + "/units.safetensors")
            #expect(relativeError(losses, try #require(theirs["layers.losses"]).buffer.floatArray()) < 1e-4)
            for entry in theirs.entries where entry.name.hasPrefix("layers.model.") {
                let own = try #require(tuned[String(entry.name.dropFirst("layers.".count))])
                #expect(relativeError(own, entry.buffer.floatArray()) < 1e-4, "\(entry.name)")
            }
        }
    }

    /// What goes on from a checkpoint keeps norms and biases, too.
    @Test(arguments: ["qwen2", "qwen3"]) func aTrainingThatGoesOnKeepsThem(_ name: String) throws {
        let fixture = try Fixture(name)
        let bundle = FrozenWeights(RestrictedMask.blocks(0..<1, norms: true, of: fixture.source.config)).bundle
        let whole = try LocalPipeline(fixture, cuts: [])
        try whole.apply(bundle)
        _ = try whole.run(training(fixture))
        let first = try LocalPipeline(fixture, cuts: [1])
        try first.apply(bundle)
        _ = try first.run(training(fixture, 0..<2))
        var state = TensorBundle(metadata: [
            EditKind.key: EditKind.training.rawValue, TrainingEdit.steps: "2", TrainingEdit.parameters: "all",
            TrainingEdit.isFinal: "false",
        ])
        for entry in bundle.entries {
            state.entries.append(
                .init(
                    name: TrainingEdit.frozen + entry.name, type: entry.type, shape: entry.shape, buffer: entry.buffer))
        }
        state.entries += try first.run(.checkpoint).flatMap(\.entries)
        let bytes = state.image().bytes()
        let second = try LocalPipeline(fixture, cuts: [])
        try second.apply(try bytes.withUnsafeBytes { try TensorBundle(safetensors: $0, source: "test") })
        _ = try second.run(training(fixture, 2..<3))
        #expect(floats(try second.run(.export)) == floats(try whole.run(.export)))
    }
}
