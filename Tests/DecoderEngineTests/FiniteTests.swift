import Checkpoint
import Linalg
import ModelFixtures
import Protocol
import Selection
import Tensors
import Testing
import Transformer

/// A model with one weight replaced, or all weights of some tensors scaled.
private final class Spoilt: WeightSource {
    let config: ModelConfig
    private let source: Checkpoint
    private let tensor: String
    private let change: @Sendable (_ row: Int, _ column: Int, _ value: Float) -> Float

    init(
        _ fixture: Fixture, _ tensor: String,
        change: @escaping @Sendable (_ row: Int, _ column: Int, _ value: Float) -> Float
    ) {
        (source, config, self.tensor, self.change) = (fixture.source, fixture.source.config, tensor, change)
    }

    func shape(of name: String) -> [Int]? { source.shape(of: name) }

    func read(_ name: String, rows: Range<Int>, into destination: UnsafeMutablePointer<Float>) throws {
        try source.read(name, rows: rows, into: destination)
        guard name == tensor, let shape = shape(of: name) else { return }
        let columns = shape.count == 2 ? shape[1] : 1
        for index in 0..<rows.count * columns {
            destination[index] = change(rows.lowerBound + index / columns, index % columns, destination[index])
        }
    }
}

/// No measure comes out of a value that is not finite.
@Suite struct FiniteTests {
    @Test func theScanFindsTheFirstPlace() {
        for count in [0, 1, 7, 4095, 4096, 4097, 10_000] {
            let values = AlignedBuffer(floats: max(1, count))
            for bad in [Float.nan, .infinity, -.infinity, -.nan, .signalingNaN] {
                for place in Set([0, count / 2, count - 1]) where place >= 0 && place < count {
                    values.floats[place] = bad
                    let bundle = [TensorBundle.Entry(name: "x", type: .f32, shape: [max(1, count)], buffer: values)]
                    #expect(NotFinite.entry(of: bundle) == "x")
                    values.floats[place] = .greatestFiniteMagnitude
                    #expect(NotFinite.entry(of: bundle) == nil)
                    values.floats[place] = 0
                }
            }
        }
        let doubles = AlignedBuffer(byteCount: 16)
        doubles.address.assumingMemoryBound(to: Double.self)[1] = .nan
        #expect(NotFinite.entry(of: [.init(name: "d", type: .f64, shape: [2], buffer: doubles)]) == "d")
    }

    /// Every kind of tensor, held in memory or read at each use, of one stage or of two.
    @Test(arguments: [
        ("llama", "model.embed_tokens.weight", 3, 5), ("llama", "model.layers.0.self_attn.q_proj.weight", 1, 2),
        ("llama", "model.layers.1.mlp.down_proj.weight", 2, 0), ("llama", "lm_head.weight", 5, 1),
        ("llama", "model.norm.weight", 4, 0), ("llama", "model.layers.1.input_layernorm.weight", 0, 0),
        ("qwen2", "model.layers.0.self_attn.k_proj.bias", 1, 0),
        ("qwen3", "model.layers.0.self_attn.q_norm.weight", 2, 0),
        ("llama_gqa_llama3_tied", "model.embed_tokens.weight", 7, 3),
    ])
    func aBadWeightIsNamedBeforeAnyWork(fixture: String, tensor: String, row: Int, column: Int) throws {
        let fixture = try Fixture(fixture)
        for bad in [Float.nan, -.infinity] {
            let source = Spoilt(fixture, tensor) { $0 == row && $1 == column ? bad : $2 }
            let isVector = source.shape(of: tensor)?.count == 1
            for (cuts, memory) in [([Int](), 1 << 30), ([1], 1 << 30), ([], 0)] {
                let error = #expect(throws: StageError.self) {
                    try LocalPipeline(source, cuts: cuts, memoryBytes: memory)
                }
                guard case .badWeight(let found)? = error else {
                    Issue.record("\(tensor): \(String(describing: error))")
                    continue
                }
                #expect(found.tensor == tensor && found.row == row && found.column == (isVector ? nil : column))
                #expect(!found.value.isFinite)
                #expect(error?.description.contains("tensor \(tensor): the weight at row \(row)") == true)
            }
        }
    }

    /// The tensor scaled so that its largest weight is just a number.
    private static func nearlyOverflowing(_ fixture: Fixture, _ tensor: String) throws -> Spoilt {
        let shape = try #require(fixture.source.shape(of: tensor))
        let weights = AlignedBuffer(floats: shape[0] * shape[1])
        try fixture.source.read(tensor, rows: 0..<shape[0], into: weights.floats.baseAddress!)
        let largest = weights.floats.reduce(Float(0)) { max($0, abs($1)) }
        return Spoilt(fixture, tensor) { $2 / largest * 3.3e38 }
    }

    private static func bodies(_ fixture: Fixture) throws -> [TaskBody] {
        let sequences = try fixture.sequences()
        let batches = [Batch(sequences: sequences)]
        func generation(_ temperature: Float) -> TaskBody {
            .generate(
                .init(
                    prompts: [sequences[0].tokens], slots: 1, maxNewTokens: 3, stopTokens: [], temperature: temperature,
                    seed: 1, streams: [0]))
        }
        return [
            .likelihood(batches: batches), generation(0), generation(1),
            .score(statistics: [.absoluteGradient(.mean)], batches: batches),
            .train(.init(steps: [batches], firstStep: 0, parameters: .linear, learningRate: 1e-3)),
        ]
    }

    /// The weights are numbers; what the model makes of them is not: greedy, sampled, scored, trained.
    @Test(arguments: [[Int](), [1]]) func whatOverflowsIsNoResult(cuts: [Int]) throws {
        let fixture = try Fixture("llama")
        let source = try Self.nearlyOverflowing(fixture, "lm_head.weight")
        let pipeline = try LocalPipeline(source, cuts: cuts)
        for body in try Self.bodies(fixture) {
            let error = #expect(throws: StageError.self) { try pipeline.run(body) }
            #expect(error?.description.contains(NotFinite.phrase) == true)
        }
    }

    /// A sound model, and an edit under which it overflows; without the edit it measures as before.
    @Test func anEditThatOverflowsIsNoResult() throws {
        let fixture = try Fixture("llama")
        let pipeline = try LocalPipeline(fixture, cuts: [1])
        let body = try Self.bodies(fixture)[0]
        let before = try pipeline.run(body).last?["log_probability"]?.buffer.floatArray()
        let name = "model.layers.1.mlp.down_proj.weight"
        let shape = try #require(fixture.source.shape(of: name))
        let edit = try LowRankEdit(
            bundle: TensorBundle(
                metadata: ["format": LowRankEdit.format, "version": LowRankEdit.version],
                entries: [
                    .init(
                        name: LowRankEdit.left(name), type: .f32, shape: [shape[0], 1],
                        buffer: AlignedBuffer(Array(repeating: Float(3e38), count: shape[0]))),
                    .init(
                        name: LowRankEdit.right(name), type: .f32, shape: [1, shape[1]],
                        buffer: AlignedBuffer(Array(repeating: Float(1), count: shape[1]))),
                ]), source: "edit")
        try pipeline.apply(edit.bundle)
        for body in try Self.bodies(fixture).prefix(3) {
            #expect(throws: StageError.self) { try pipeline.run(body) }
        }
        try pipeline.apply(nil)
        #expect(try pipeline.run(body).last?["log_probability"]?.buffer.floatArray() == before)
    }

    /// Second moments, input squares and head outputs are checked like everything that leaves a worker.
    @Test func statisticsThatOverflowAreNoResult() throws {
        let fixture = try Fixture("llama")
        // No norm follows before the scores' inputs of the next map: the attention's output itself overflows.
        let source = try Self.nearlyOverflowing(fixture, "model.layers.1.self_attn.v_proj.weight")
        let pipeline = try LocalPipeline(source, cuts: [])
        let batches = [Batch(sequences: try fixture.sequences())]
        for body: TaskBody in [
            .score(statistics: [.inputSquares], batches: batches),
            .score(statistics: [.secondMoments], batches: batches),
            .score(statistics: [.headOutput], batches: batches),
        ] {
            let error = #expect(throws: StageError.self) { try pipeline.run(body) }
            #expect(error?.description.contains(NotFinite.phrase) == true)
        }
    }

    @Test func filesWithoutNumbersAreRefused() throws {
        let entries: [TensorBundle.Entry] = [
            .init(name: LowRankEdit.left("w"), type: .f32, shape: [1, 1], buffer: AlignedBuffer([Float.nan])),
            .init(name: LowRankEdit.right("w"), type: .f32, shape: [1, 1], buffer: AlignedBuffer([Float(1)])),
        ]
        let bundle = TensorBundle(
            metadata: ["format": LowRankEdit.format, "version": LowRankEdit.version], entries: entries)
        #expect(throws: SelectionError.file("e", map: "left.w", fault: "holds a value that is no finite number")) {
            try LowRankEdit(bundle: bundle, source: "e")
        }
    }
}
