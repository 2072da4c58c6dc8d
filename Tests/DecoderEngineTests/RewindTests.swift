import Checkpoint
import Foundation
import Linalg
import ModelFixtures
import Protocol
import Selection
import Tensors
import TestSupport
import Testing
import Transformer

/// Rewinding: masked weights get exactly the checkpoint's values back, all others stay exactly what training made them.
@Suite struct RewindTests {
    private static let models =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().path + "/CheckpointTests/Fixtures/models/"

    /// Of every linear map about half of the weights, as the fixtures' script freezes them.
    private func masks(_ config: ModelConfig) -> [TensorBundle.Entry] {
        (0..<config.layerCount).flatMap { layer in
            LinearMap.allCases.map { map in
                let shape = map.shape(in: config)
                let count = shape.rows * shape.columns
                let bits = AlignedBuffer(byteCount: (count + 7) / 8)
                for i in 0..<count where UInt32(truncatingIfNeeded: i &* 2_654_435_761) < 1 << 31 {
                    bits.bytes[i / 8] |= 1 << UInt8(i % 8)
                }
                return .init(name: map.weightName(layer: layer), type: .u8, shape: [bits.byteCount], buffer: bits)
            }
        }
    }

    private func isSet(_ entry: TensorBundle.Entry, _ i: Int) -> Bool {
        entry.buffer.bytes[i / 8] >> UInt8(i % 8) & 1 == 1
    }

    private func edit(
        _ trained: [TensorBundle], _ masks: [TensorBundle.Entry], _ parameters: TaskBody.Training.Parameters,
        isFinal: Bool = true
    ) -> TensorBundle {
        // A copy each time: a stage gives an edit's memory back as it reads it.
        copy(
            TensorBundle(
                metadata: [
                    EditKind.key: EditKind.training.rawValue, TrainingEdit.steps: "3",
                    TrainingEdit.parameters: parameters.rawValue,
                    TrainingEdit.isFinal: "\(isFinal)",
                ],
                entries: trained.flatMap(\.entries)
                    + masks.map {
                        .init(name: TrainingEdit.rewound + $0.name, type: $0.type, shape: $0.shape, buffer: $0.buffer)
                    }))
    }

    private func copy(_ bundle: TensorBundle) -> TensorBundle {
        TensorBundle(
            metadata: bundle.metadata,
            entries: bundle.entries.map {
                .init(
                    name: $0.name, type: $0.type, shape: $0.shape, buffer: AlignedBuffer(bytes: Array($0.buffer.bytes)))
            })
    }

    private func training(
        _ fixture: Fixture, _ parameters: TaskBody.Training.Parameters
    ) throws -> TaskBody {
        let sequences = try fixture.sequences()
        let step = [Batch(sequences: Array(sequences.prefix(2))), Batch(sequences: Array(sequences.dropFirst(2)))]
        return .train(
            .init(steps: [step, step, step], firstStep: 0, parameters: parameters, learningRate: 1e-3))
    }

    private func floats(_ bundles: [TensorBundle]) -> [String: [Float]] {
        Dictionary(bundles.flatMap(\.entries).map { ($0.name, $0.buffer.floatArray()) }) { first, _ in first }
    }

    /// Against the checkpoint and the free training bit by bit, and against PyTorch's free training.
    @Test(arguments: Fixture.names, [TaskBody.Training.Parameters.all, .linear])
    func theMaskedAreTheCheckpointsAndTheOthersTheTrained(
        _ name: String, _ parameters: TaskBody.Training.Parameters
    ) throws {
        let fixture = try Fixture(name)
        let masks = masks(fixture.source.config)
        let free = try LocalPipeline(fixture, cuts: [])
        _ = try free.run(training(fixture, parameters))
        let end = try free.run(.export)
        let trained = floats(end)
        let text = TaskBody.likelihood(batches: [Batch(sequences: try fixture.sequences())])
        var golden: [Float]?
        // On other stages than those that trained, and in any order with other edits.
        for cuts in [[], [1]] {
            let pipeline = try LocalPipeline(fixture, cuts: cuts)
            try pipeline.apply(edit(end, masks, parameters))
            let rewound = floats(try pipeline.run(.export))
            #expect(Set(rewound.keys) == Set(trained.keys))
            for (weight, values) in rewound {
                guard let mask = masks.first(where: { $0.name == weight }) else {
                    #expect(values == trained[weight], "\(weight) has no mask")
                    continue
                }
                let original = try original(fixture.source, weight)
                var (moved, back) = (0, 0)
                for i in values.indices {
                    let expected = isSet(mask, i) ? original[i] : trained[weight]![i]
                    #expect(values[i].bitPattern == expected.bitPattern)
                    if trained[weight]![i] != original[i] { if isSet(mask, i) { back += 1 } else { moved += 1 } }
                }
                #expect(moved > values.count / 4 && back > values.count / 4, "\(weight): \(moved), \(back)")
                guard parameters == .all, let torch = try? fixture.floats("trained." + weight) else { continue }
                let reference = values.indices.map { isSet(mask, $0) ? original[$0] : torch[$0] }
                #expect(relativeError(values, reference) < 1e-4)
            }
            // What is computed with them is that of no other model, whatever the stages.
            let scores = floats(try pipeline.run(text))["log_probability"]
            #expect(golden == nil || scores == golden)
            golden = scores
            // A second mask begins at the training's end again, and the first leaves nothing behind.
            try pipeline.apply(edit(end, [], parameters))
            #expect(floats(try pipeline.run(.export)) == trained)
            #expect(floats(try pipeline.run(text))["log_probability"] != golden)
            try pipeline.apply(nil)
            #expect(
                floats(try pipeline.run(text))["log_probability"]
                    == floats(try LocalPipeline(fixture, cuts: []).run(text))["log_probability"])
        }
    }

    @Test func onlyAFinishedTrainingIsRewound() throws {
        let fixture = try Fixture("qwen2")
        let pipeline = try LocalPipeline(fixture, cuts: [])
        _ = try pipeline.run(training(fixture, .linear))
        let saved = try pipeline.run(.checkpoint)
        let image = edit(saved, masks(fixture.source.config), .linear, isFinal: false)
        let error = #expect(throws: (any Error).self) { try pipeline.apply(image) }
        #expect("\(error!)".contains("it is rewound before its end"), "\(error!)")
        var broken = masks(fixture.source.config)
        broken[3] = .init(name: broken[3].name, type: .u8, shape: [1], buffer: AlignedBuffer(byteCount: 1))
        let refused = #expect(throws: (any Error).self) {
            try pipeline.apply(edit(try LocalPipeline.trained(fixture, training(fixture, .linear)), broken, .linear))
        }
        #expect("\(refused!)".contains("has 1 bytes, not"), "\(refused!)")
    }

    /// Whatever the file stores, what comes back is what reading it gives.
    @Test(arguments: [
        ("llama", ["k_proj", "v_proj"]), ("llama.gguf", ["q_proj", "k_proj"]),
        ("quantised-llama.gguf", ["gate_proj", "up_proj"]), ("quantised-qwen3.gguf", ["down_proj"]),
    ])
    func storedWidthsComeBackAsTheyAreRead(_ name: String, _ maps: [String]) throws {
        let source = try Checkpoint.open(Self.models + name)
        let names = maps.compactMap { map in
            source.names.first { $0.contains("layers.0.") && $0.hasSuffix(".\(map).weight") }
        }
        try #require(names.count == maps.count)
        let matrix = try WeightMatrix(names, source: source, pool: ThreadPool(threads: 2), scratch: nil)
        let weights = try #require(matrix.resident).floats
        let originals = Array(weights)
        for i in weights.indices { weights[i] = Float(i) + 0.5 }
        for number in matrix.parts.indices {
            let count = matrix.parts[number].rows.count * matrix.columns
            let bits = AlignedBuffer(byteCount: (count + 7) / 8)
            for i in stride(from: number, to: count, by: 3) { bits.bytes[i / 8] |= 1 << UInt8(i % 8) }
            try matrix.rewind(part: number, mask: bits)
            let first = matrix.parts[number].rows.lowerBound * matrix.columns
            for i in 0..<count {
                let expected = i % 3 == number % 3 ? originals[first + i] : Float(first + i) + 0.5
                #expect(weights[first + i].bitPattern == expected.bitPattern)
            }
        }
    }

    private func original(_ source: any WeightSource, _ name: String) throws -> [Float] {
        let shape = source.shape(of: name)!
        let buffer = AlignedBuffer(floats: shape.reduce(1, *))
        try source.read(name, rows: 0..<shape[0], into: buffer.floats.baseAddress!)
        return buffer.floatArray()
    }
}

extension LocalPipeline {
    /// What a training ends with.
    fileprivate static func trained(_ fixture: Fixture, _ body: TaskBody) throws -> [TensorBundle] {
        let pipeline = try LocalPipeline(fixture, cuts: [])
        _ = try pipeline.run(body)
        return try pipeline.run(.export)
    }
}
