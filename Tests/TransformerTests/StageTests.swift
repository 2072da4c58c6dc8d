import Checkpoint
import Linalg
import ModelFixtures
import Protocol
import Tensors
import TestSupport
import Testing
import Transformer

/// Forward, loss and gradients against transformers (f64), architecture by architecture.
@Suite struct StageTests {
    @Test(arguments: Fixture.names) func logitsMatchTransformers(_ name: String) throws {
        let fixture = try Fixture(name)
        let stage = try fixture.stage(threads: 2)
        let sequences = try fixture.sequences()
        let batch = try fixture.packed(sequences)
        let y = try stage.forward(stage.embedding!.rows(batch.tokens), batch: batch)
        for (i, span) in batch.spans.enumerated() {
            var logits: [Float] = []
            try stage.head!.forEachLogits(y, rows: Array(span.rows)) { tile, values, _ in
                logits += UnsafeBufferPointer(start: values, count: tile.count * fixture.source.config.vocabularySize)
            }
            let error = try relativeError(logits, fixture.floats("logits.\(i)"))
            #expect(error < 1e-4, "\(name) sequence \(i): relative error \(error)")
        }
    }

    @Test(arguments: Fixture.names) func lossMatchesTransformers(_ name: String) throws {
        let fixture = try Fixture(name)
        let stage = try fixture.stage()
        let sequences = try fixture.sequences()
        let batch = try fixture.packed(sequences)
        let y = try stage.forward(stage.embedding!.rows(batch.tokens), batch: batch)
        let (values, _) = try stage.head!.logProbabilities(y, batch: batch)
        for i in sequences.indices {
            let own = zip(batch.targets, values).filter { $0.0.sequence == i }.map(\.1)
            let loss = -own.reduce(0, +) / Float(own.count)
            let expected = try fixture.floats("loss_mean.\(i)")[0]
            #expect(abs(loss - expected) <= 1e-4 * abs(expected), "\(name) sequence \(i): \(loss), not \(expected)")
        }
    }

    @Test(arguments: Fixture.names, [true, false]) func gradientsMatchTransformers(_ name: String, keep: Bool) throws {
        let fixture = try Fixture(name)
        let stage = try fixture.stage(threads: 2)
        let sequence = try fixture.sequences()[1]
        let batch = try fixture.packed([sequence])
        let gradients = Gradients(fixture.source.config)
        var tape = Stage.Tape()
        let y = try stage.forward(stage.embedding!.rows(batch.tokens), batch: batch, tape: &tape, keep: keep)
        let weight = 1 / Float(batch.targets.count)
        let (_, dy) = try stage.head!.lossGradient(
            y, batch: batch, weights: [weight], tap: gradients, headGradient: nil)
        _ = try stage.backward(dy, tape: &tape, batch: batch, tap: gradients)
        for layer in 0..<fixture.source.config.layerCount {
            for map in LinearMap.allCases {
                let weightName = map.weightName(layer: layer)
                let error = try relativeError(
                    gradients.values[weightName]!, fixture.floats("grad_mean.1." + weightName))
                #expect(error < 1e-4, "\(name) \(weightName): relative error \(error)")
            }
        }
    }

    /// A continuation that shares its prompt with others scores as if it stood alone.
    @Test(arguments: Fixture.names) func prefixChangesNothing(_ name: String) throws {
        let fixture = try Fixture(name)
        let stage = try fixture.stage()
        let sequences = try fixture.sequences()
        let prompt = Array(sequences[1].tokens.prefix(9))
        let endings = [Array(sequences[1].tokens.suffix(5)), Array(sequences[0].tokens.prefix(3))]
        let apart = try fixture.packed(endings.map { TokenSequence(tokens: prompt + $0, scoredFrom: prompt.count) })
        let shared = try fixture.packed(
            [TokenSequence(tokens: prompt, scoredFrom: prompt.count)]
                + endings.map { TokenSequence(tokens: $0, scoredFrom: 0, prefix: 0) })
        func values(_ batch: PackedBatch) throws -> [Float] {
            let y = try stage.forward(stage.embedding!.rows(batch.tokens), batch: batch)
            return try stage.head!.logProbabilities(y, batch: batch).values
        }
        #expect(try relativeError(values(shared), values(apart)) < 1e-5)
    }

    /// Weights widened from the file at each use give the bits of weights held in memory.
    @Test func streamedWeightsGiveTheSameBits() throws {
        let fixture = try Fixture("qwen2")
        let batch = try fixture.packed(fixture.sequences())
        let outputs = try [true, false].map { resident in
            let stage = try fixture.stage(resident: resident)
            let y = try stage.forward(stage.embedding!.rows(batch.tokens), batch: batch)
            return try stage.head!.logProbabilities(y, batch: batch).values
        }
        #expect(outputs[0] == outputs[1])
    }

    /// Dynamic rotary scaling: none up to the trained positions, refused beyond them.
    @Test func dynamicScalingEndsWithTheTrainedPositions() throws {
        var config = MatrixModel().config
        config.ropeScaling = .dynamic(factor: 4)
        let rope = Rope(config)
        try rope.prepare(positions: config.maxPositions)
        #expect(throws: StageError.self) { try rope.prepare(positions: config.maxPositions + 1) }
    }

    @Test func aTokenOutsideTheVocabularyIsRefused() throws {
        let fixture = try Fixture("llama")
        let stage = try fixture.stage()
        #expect(throws: StageError.self) { _ = try stage.embedding!.rows([9999]) }
        #expect(throws: StageError.self) { _ = try stage.embedding!.rows([-1]) }
    }
}

/// The plain gradient δᵀX of every map, the naive way: reference for the fused kernels too.
final class Gradients: Tap {
    var values: [String: [Float]] = [:]
    private let config: ModelConfig

    init(_ config: ModelConfig) { self.config = config }

    func gradient(
        layer: Int, stack: FusedProjection, x: UnsafePointer<Float>, columns: Int, dy: UnsafePointer<Float>,
        outputs: Int,
        batch: PackedBatch
    ) {
        var column = 0
        for map in stack.maps {
            let rows = map.shape(in: config).rows
            var gradient = [Float](repeating: 0, count: rows * columns)
            for t in 0..<batch.rowCount {
                for i in 0..<rows {
                    let d = dy[t * outputs + column + i]
                    for j in 0..<columns { gradient[i * columns + j] += d * x[t * columns + j] }
                }
            }
            values[map.weightName(layer: layer)] = gradient
            column += rows
        }
    }
}
