import Checkpoint
import ModelFixtures
import Protocol
import Selection
import Tensors
import Testing

/// Fine-tuning that stops, and goes on from what was saved, on whatever stages: the same bits as in one go.
@Suite struct TrainingStateTests {
    /// The fixture's model with its embedding as LM head: three layers, so that a stage lies between the two.
    private final class Tied: WeightSource {
        let base: any WeightSource
        let config: ModelConfig
        init(_ base: any WeightSource) {
            self.base = base
            var config = base.config
            config.tiedEmbeddings = true
            self.config = config
        }
        func shape(of name: String) -> [Int]? { base.shape(of: name) }
        func read(_ name: String, rows: Range<Int>, into destination: UnsafeMutablePointer<Float>) throws {
            try base.read(name, rows: rows, into: destination)
        }
    }

    /// Every step sees other tokens, so that rows of the embedding rest for a while.
    private func training(
        _ fixture: Fixture, _ parameters: TaskBody.Training.Parameters, _ steps: Range<Int>, decay: Float = 0
    ) throws -> TaskBody {
        let sequences = try fixture.sequences()
        let all = (0..<6).map { step in
            [Batch(sequences: [sequences[step % sequences.count]]), Batch(sequences: [sequences[0]])]
        }
        return .train(
            .init(
                steps: Array(all[steps]), firstStep: steps.lowerBound, parameters: parameters, learningRate: 1e-3,
                weightDecay: decay))
    }

    private func merged(_ results: [TensorBundle]) -> [String: [UInt8]] {
        Dictionary(results.flatMap(\.entries).map { ($0.name, $0.buffer.byteArray()) }) { first, _ in first }
    }

    /// As the coordinator makes it of the stages' results; buffers are copied, for the trainer's go on changing.
    private func edit(
        _ saved: [TensorBundle], step: Int, _ parameters: TaskBody.Training.Parameters, isFinal: Bool = false,
        freeze: TensorBundle? = nil
    ) throws -> TensorBundle {
        var edit = TensorBundle(metadata: [
            EditKind.key: EditKind.training.rawValue, TrainingEdit.steps: "\(step)",
            TrainingEdit.parameters: parameters.rawValue,
            TrainingEdit.isFinal: "\(isFinal)",
        ])
        for entry in freeze?.entries ?? [] {
            edit.entries.append(
                .init(
                    name: TrainingEdit.frozen + entry.name, type: entry.type, shape: entry.shape, buffer: entry.buffer))
        }
        edit.entries += saved.flatMap(\.entries)
        let bytes = edit.image().bytes()
        return try bytes.withUnsafeBytes { try TensorBundle(safetensors: $0, source: "test") }
    }

    private func freeze(_ fixture: Fixture) -> TensorBundle {
        var entries: [TensorBundle.Entry] = []
        for layer in 0..<fixture.source.config.layerCount {
            for map in LinearMap.allCases {
                let shape = map.shape(in: fixture.source.config)
                let bits = AlignedBuffer(byteCount: (shape.rows * shape.columns + 7) / 8)
                for i in 0..<bits.byteCount { bits.bytes[i] = UInt8(truncatingIfNeeded: i &* 37) }
                let count = shape.rows * shape.columns
                if count % 8 != 0 { bits.bytes[count / 8] &= UInt8(1 << (count % 8) - 1) }
                entries.append(
                    .init(name: map.weightName(layer: layer), type: .u8, shape: [bits.byteCount], buffer: bits))
            }
        }
        return TensorBundle(metadata: ["edit": "freeze"], entries: entries)
    }

    @Test(arguments: Fixture.names, [TaskBody.Training.Parameters.all, .linear])
    func itGoesOnFromAnyStepOnOtherStages(_ name: String, _ parameters: TaskBody.Training.Parameters) throws {
        let fixture = try Fixture(name)
        let freeze = parameters == .linear ? freeze(fixture) : nil
        let whole = try LocalPipeline(fixture, cuts: [])
        try whole.apply(freeze)
        _ = try whole.run(training(fixture, parameters, 0..<6))
        let golden = merged(try whole.run(.export))
        let text = TaskBody.likelihood(batches: [Batch(sequences: try fixture.sequences())])
        let goldenText = merged(try whole.run(text))
        for (step, before, after) in [(1, [], [1]), (3, [1], []), (5, [1], [1])] as [(Int, [Int], [Int])] {
            let first = try LocalPipeline(fixture, cuts: before)
            try first.apply(freeze)
            _ = try first.run(training(fixture, parameters, 0..<step))
            let saved = try edit(first.run(.checkpoint), step: step, parameters, freeze: freeze)
            let second = try LocalPipeline(fixture, cuts: after)
            // Other work before leaves no trace.
            try second.apply(nil)
            _ = try second.run(training(fixture, .linear, 0..<1))
            try second.apply(saved)
            _ = try second.run(training(fixture, parameters, step..<6))
            let end = try second.run(.export)
            #expect(merged(end) == golden, "\(name) from step \(step), cuts \(before) then \(after)")
            #expect(merged(try second.run(text)) == goldenText)
            // The finished weights alone serve as well, but cannot be trained on.
            let third = try LocalPipeline(fixture, cuts: before)
            try third.apply(edit(end, step: 6, parameters, isFinal: true))
            #expect(merged(try third.run(.export)) == golden)
            #expect(merged(try third.run(text)) == goldenText)
            #expect(throws: (any Error).self) { try third.run(.checkpoint) }
            #expect(throws: (any Error).self) { try third.run(training(fixture, parameters, 6..<6)) }
            try third.apply(nil)
            #expect(merged(try third.run(text)) == merged(try LocalPipeline(fixture, cuts: []).run(text)))
        }
    }

    /// The first stage looks up rows that the last one trains: also those that moved long after their last use.
    @Test(arguments: [Float(0), 0.1]) func aTiedEmbeddingIsTheSameOnAllStages(decay: Float) throws {
        let fixture = try Fixture("llama")
        let source = Tied(fixture.source)
        let text = TaskBody.likelihood(batches: [Batch(sequences: try fixture.sequences())])
        var outcomes: [[String: [UInt8]]] = []
        for cuts in [[], [1], [2], [1, 2]] {
            let pipeline = try LocalPipeline(source, cuts: cuts)
            _ = try pipeline.run(training(fixture, .all, 0..<4, decay: decay))
            _ = try pipeline.run(training(fixture, .all, 4..<6, decay: decay))
            outcomes.append(
                try merged(pipeline.run(.export)).merging(merged(pipeline.run(text))) { first, _ in first })
        }
        for other in outcomes.dropFirst() { #expect(other == outcomes[0]) }
    }

    @Test func whatDoesNotFitIsNamed() throws {
        let fixture = try Fixture("qwen2")
        let pipeline = try LocalPipeline(fixture, cuts: [1])
        _ = try pipeline.run(training(fixture, .linear, 0..<2))
        var saved = try pipeline.run(.checkpoint)
        saved[1].entries.removeAll { $0.name.contains("down_proj") && $0.name.hasPrefix("adam.second") }
        let broken = try edit(saved, step: 2, .linear)
        let error = #expect(throws: (any Error).self) { try pipeline.apply(broken) }
        #expect("\(error!)".contains("adam.second.model.layers.1.mlp.down_proj.weight is not in it"), "\(error!)")
        // It is as it was before.
        try pipeline.apply(nil)
        let text = TaskBody.likelihood(batches: [Batch(sequences: try fixture.sequences())])
        #expect(merged(try pipeline.run(text)) == merged(try LocalPipeline(fixture, cuts: [1]).run(text)))
    }
}
