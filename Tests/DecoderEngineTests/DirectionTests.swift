import Checkpoint
import DecoderEngine
import Foundation
import ModelFixtures
import Protocol
import Selection
import Tensors
import Testing
import Transformer

/// A direction ablated while the model runs, out of its weights, and added, against transformers
/// (scripts/fixtures/make_direction.py); from any stages, threads and memory; and undone to the bit.
@Suite struct DirectionTests {
    /// Models whose o and down have no biases.
    static let withoutBiases = Fixture.names.filter { $0 != "llama_linear_biases" }

    private func expected(_ fixture: Fixture) throws -> TensorBundle {
        try TensorBundle(safetensors: fixture.path + "/direction.safetensors")
    }

    private func direction(_ fixture: Fixture, layer: Int = 1) throws -> ResidualDirection {
        let vector = try #require(try expected(fixture)["direction"]).buffer.doubleArray()
        return try ResidualDirection(
            difference: vector, layer: layer, position: -1, layerCount: fixture.source.config.layerCount)
    }

    private func ablation(_ fixture: Fixture, strength: Float = 1) throws -> Ablation {
        Ablation(try direction(fixture).unit.map { Float($0) }, strength: strength)
    }

    private func orthogonal(
        _ fixture: Fixture, _ embedding: Orthogonalisation.Embedding = .input, strength: Float = 1
    ) throws -> LowRankEdit {
        let edit = try Orthogonalisation.edit(
            try direction(fixture).unit.map { Float($0) }, strength: strength, embedding: embedding,
            of: fixture.source)
        try edit.check(against: fixture.source, named: "edit")
        return edit
    }

    private func likelihood(_ fixture: Fixture) throws -> TaskBody {
        .likelihood(batches: [Batch(sequences: try fixture.sequences())])
    }

    private func values(_ results: [TensorBundle], _ name: String) throws -> TensorBundle.Entry {
        try #require(results.flatMap(\.entries).first { $0.name == name })
    }

    private func own(_ fixture: Fixture, _ edit: TensorBundle?, cuts: [Int] = [1], memoryBytes: Int = 1 << 30) throws
        -> [Float]
    {
        let pipeline = try LocalPipeline(fixture, cuts: cuts, memoryBytes: memoryBytes)
        try pipeline.apply(edit)
        return try values(pipeline.run(try likelihood(fixture)), "log_probability").buffer.floatArray()
    }

    private func theirs(_ fixture: Fixture, _ kind: String) throws -> [Float] {
        try #require(try expected(fixture)["log_probability.\(kind)"]).buffer.doubleArray().map { Float($0) }
    }

    @Test(arguments: Fixture.names) func ablationMatchesTransformers(_ name: String) throws {
        let fixture = try Fixture(name)
        for (kind, strength) in [("ablate", Float(1)), ("half", 0.5)] {
            let error = relativeError(
                try own(fixture, try ablation(fixture, strength: strength).bundle), try theirs(fixture, kind))
            #expect(error < 1e-5, "\(name), \(kind): \(error)")
        }
    }

    /// Out of the weights it is the same on every model: the head keeps its weights, also where it is the embedding.
    @Test(arguments: withoutBiases) func orthogonalWeightsMatchTransformersAndAblation(_ name: String) throws {
        let fixture = try Fixture(name)
        let edit = try orthogonal(fixture)
        for cuts in [[], [1]] {
            for memory in [1 << 30, 1] {
                let values = try own(fixture, edit.bundle, cuts: cuts, memoryBytes: memory)
                #expect(relativeError(values, try theirs(fixture, "orthogonal")) < 1e-5, "\(name), cuts \(cuts)")
                #expect(relativeError(values, try theirs(fixture, "ablate")) < 1e-5, "\(name), cuts \(cuts)")
            }
        }
    }

    /// The published code assigns the embedding's tensor: of a tied model the head changes with it.
    @Test(arguments: withoutBiases) func theTensorItselfMatchesThePublishedCode(_ name: String) throws {
        let fixture = try Fixture(name)
        let edit = try orthogonal(fixture, .tensor)
        for cuts in [[], [1]] {
            for memory in [1 << 30, 1] {
                let values = try own(fixture, edit.bundle, cuts: cuts, memoryBytes: memory)
                #expect(relativeError(values, try theirs(fixture, "tensor")) < 1e-5, "\(name), cuts \(cuts)")
            }
        }
        let gap = relativeError(try theirs(fixture, "tensor"), try theirs(fixture, "ablate"))
        #expect((gap > 1e-3) == fixture.source.config.tiedEmbeddings, "\(name): \(gap)")
    }

    @Test(arguments: Fixture.names) func additionMatchesTransformers(_ name: String) throws {
        let fixture = try Fixture(name)
        let vector = try direction(fixture).difference
        for (kind, layer, sign) in [("add.0", 0, 1.0), ("add.1", 1, 1), ("subtract.1", 1, -1)] {
            let steering = Steering(
                vectors: [:], inputs: [layer: vector.map { Float(sign * $0) }], start: .position(0))
            let again = try Steering(bundle: steering.bundle, source: "again")
            #expect(again.inputs == steering.inputs && again.vectors.isEmpty)
            let error = relativeError(try own(fixture, steering.bundle), try theirs(fixture, kind))
            #expect(error < 1e-5, "\(name), \(kind): \(error)")
        }
    }

    /// Prefill and decoding with a cache give the tokens of a recomputation from the beginning.
    @Test(arguments: Fixture.names) func continuationsMatchTransformers(_ name: String) throws {
        let fixture = try Fixture(name)
        let file = try expected(fixture)
        let prompts = try fixture.sequences().map { Array($0.tokens.prefix($0.scoredFrom)) }
        let theirs = try prompts.indices.flatMap { try #require(file["greedy.ablate.\($0)"]).buffer.int32Array() }
        var edits = [try ablation(fixture).bundle]
        if Self.withoutBiases.contains(name) { edits.append(try orthogonal(fixture).bundle) }
        for edit in edits {
            for (shape, slots) in zip(JobTests.shapes, [1, 3, 4, 2]) {
                let pipeline = try LocalPipeline(fixture, cuts: shape.cuts, threads: shape.threads)
                try pipeline.apply(edit)
                let own = try values(
                    pipeline.run(
                        .generate(
                            .init(
                                prompts: prompts, slots: slots, maxNewTokens: 12, stopTokens: [], temperature: 0,
                                seed: 0, streams: prompts.indices.map { UInt64($0) }))), "tokens")
                #expect(own.buffer.int32Array() == theirs, "\(name), \(slots) slots, cuts \(shape.cuts)")
            }
        }
    }

    @Test(arguments: Fixture.names) func anyStagesThreadsAndMemoryGiveTheSameBitsAndItIsUndone(_ name: String) throws {
        let fixture = try Fixture(name)
        var edits = [try ablation(fixture).bundle]
        if Self.withoutBiases.contains(name) {
            edits += try [Orthogonalisation.Embedding.input, .tensor].map { try orthogonal(fixture, $0).bundle }
        }
        func bits(cuts: [Int], threads: Int, memoryBytes: Int = 1 << 30) throws -> [[UInt8]] {
            let pipeline = try LocalPipeline(fixture, cuts: cuts, threads: threads, memoryBytes: memoryBytes)
            let body = try likelihood(fixture)
            func run() throws -> [UInt8] { try values(pipeline.run(body), "log_probability").buffer.byteArray() }
            let before = try run()
            return try edits.map { edit in
                try pipeline.apply(edit)
                let during = try run()
                try pipeline.apply(nil)
                #expect(try run() == before && during != before)
                return during
            }
        }
        let golden = try bits(cuts: [], threads: 1)
        for shape in JobTests.shapes.dropFirst() {
            #expect(try bits(cuts: shape.cuts, threads: shape.threads) == golden)
        }
        #expect(try bits(cuts: [1], threads: 2, memoryBytes: 1) == golden)
    }

    /// The exported folder computes what the edited model does, to the bit: of a tied model with a head of its own.
    @Test(arguments: ["llama", "qwen2"]) func anExportComputesTheSameBits(_ name: String) throws {
        let fixture = try Fixture(name)
        let source = fixture.source
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("direction-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for embedding in Orthogonalisation.Embedding.allCases {
            let edit = try orthogonal(fixture, embedding)
            let rewrite = try edit.rewrite()
            var writer = HuggingFaceExport(checkpoint: source, type: .f32)
            writer.separatesHead = edit.leavesHead && source.config.tiedEmbeddings
            let path = folder.appendingPathComponent("\(embedding)").path
            try writer.write(to: path) { name, rows, values in
                let isHead = name == ModelConfig.headName && source.config.tiedEmbeddings
                try source.read(isHead ? ModelConfig.embeddingName : name, rows: rows, into: values)
                try rewrite(name, rows, values)
            }
            let pipeline = try LocalPipeline(try Checkpoint.open(path), cuts: [])
            let exported = try values(pipeline.run(try likelihood(fixture)), "log_probability").buffer.floatArray()
            let edited = try own(fixture, edit.bundle)
            #expect(exported.map(\.bitPattern) == edited.map(\.bitPattern), "\(embedding)")
        }
    }

    @Test func atStrengthZeroNothingChangesABit() throws {
        for name in ["llama", "qwen2"] {
            let fixture = try Fixture(name)
            let plain = try own(fixture, nil).map(\.bitPattern)
            let zeros = [Float](repeating: 0, count: fixture.source.config.hiddenSize)
            let edits: [any WeightEdit] = [
                try ablation(fixture, strength: 0), try orthogonal(fixture, strength: 0),
                Steering(vectors: [:], inputs: [1: zeros], start: .position(0)),
            ]
            for edit in edits {
                #expect(try own(fixture, edit.bundle).map(\.bitPattern) == plain)
                #expect(try edit.reasonForNoEffect(in: fixture.source) != nil)
            }
        }
    }

    /// |r̂ᵀ W'| is nothing but rounding, and a second time changes nothing more.
    @Test(arguments: withoutBiases) func rewrittenWeightsHaveNoSuchComponent(_ name: String) throws {
        let fixture = try Fixture(name)
        let unit = try direction(fixture).unit
        let once = Rewritten(fixture.source, try orthogonal(fixture).rewrite())
        let again = Rewritten(
            once, try Orthogonalisation.edit(unit.map { Float($0) }, of: once).rewrite())
        for map in [LinearMap.o, .down] {
            let weight = map.weightName(layer: 1)
            let (rows, columns) = map.shape(in: fixture.source.config)
            let (first, second) = (try once.all(weight), try again.all(weight))
            for column in 0..<columns {
                let component = (0..<rows).reduce(0) { $0 + unit[$1] * Double(first[$1 * columns + column]) }
                #expect(abs(component) < 1e-6, "\(weight), column \(column)")
            }
            #expect(relativeError(second, first) < 1e-7)
        }
        let columns = unit.count
        let embedding = try once.all(ModelConfig.embeddingName)
        for row in 0..<embedding.count / columns {
            let component = (0..<columns).reduce(0) { $0 + unit[$1] * Double(embedding[row * columns + $1]) }
            #expect(abs(component) < 1e-6, "row \(row)")
        }
    }

    @Test func decodingOneTokenAfterTheOtherGivesTheLogitsOfARecomputation() throws {
        for name in Fixture.names {
            let fixture = try Fixture(name)
            let stage = try fixture.stage()
            let config = fixture.source.config
            let ablation = try ablation(fixture)
            stage.writer = Remover(ablation)
            let sequence = try fixture.sequences()[1]
            let theirs = try #require(try expected(fixture)["logits.ablate.1"]).buffer.floatArray()
            let cache = KeyValueCache(config, layers: config.layerCount, slots: 1, capacity: sequence.tokens.count)
            func logits(_ y: AlignedBuffer, row: Int) throws -> [Float] {
                var values: [Float] = []
                try stage.head!.forEachLogits(y, rows: [row]) { _, logits, _ in
                    values += UnsafeBufferPointer(start: logits, count: config.vocabularySize)
                }
                return values
            }
            let prompt = Array(sequence.tokens.prefix(sequence.scoredFrom))
            let begun = try PackedBatch([(prompt, sequence.scoredFrom, nil)], firstWritten: [0])
            let prefilled = try stage.prefill(
                stage.embedding!.rows(begun.tokens), batch: begun, slots: [0], cache: cache)
            var own = try logits(prefilled, row: sequence.scoredFrom - 1)
            for token in sequence.tokens[sequence.scoredFrom...] {
                let step = DecodeBatch.make(tokens: [token], positions: [cache.lengths[0]], firstWritten: [0])
                let y = try stage.decode(stage.embedding!.rows(step.tokens), batch: step, slots: [0], cache: cache)
                own += try logits(y, row: 0)
            }
            let error = relativeError(own, theirs[((sequence.scoredFrom - 1) * config.vocabularySize)...])
            #expect(error < 1e-5, "\(name): \(error)")
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let fixture = try Fixture("llama")
        let pipeline = try LocalPipeline(fixture, cuts: [])
        #expect(throws: SelectionError.shape(map: "ablation, direction", expected: [24], found: [2])) {
            try pipeline.apply(Ablation([0.6, 0.8]).bundle)
        }
        #expect { try pipeline.apply(Ablation([1, 1]).bundle) } throws: { "\($0)".contains("has length 1.41") }
        try pipeline.apply(try ablation(fixture).bundle)
        let gradient = TaskBody.score(
            statistics: [.absoluteGradient(.mean)],
            batches: [Batch(sequences: try fixture.sequences())])
        #expect { try pipeline.run(gradient) } throws: { "\($0)".contains("nothing differentiates through an ablated") }
        #expect { try orthogonal(try Fixture("llama_linear_biases")) } throws: {
            "\($0)" == "orthogonalisation: the model's o or down have biases, which it does not change: ablate instead"
        }
        let tied = try Fixture("qwen2")
        var half = try orthogonal(tied, .tensor)
        half.maps.removeAll { $0.shape.name == ModelConfig.embeddingName }
        #expect { try half.check(against: tied.source, named: "e") } throws: {
            "\($0)".hasPrefix("e: lm_head.weight: the model's head is its embedding")
        }
    }
}

/// A model with its weights rewritten.
private final class Rewritten: WeightSource {
    private let source: any WeightSource
    nonisolated(unsafe) private let rewrite: WeightRewrite
    var config: ModelConfig { source.config }

    init(_ source: any WeightSource, _ rewrite: @escaping WeightRewrite) {
        (self.source, self.rewrite) = (source, rewrite)
    }

    func shape(of name: String) -> [Int]? { source.shape(of: name) }
    func read(_ name: String, rows: Range<Int>, into destination: UnsafeMutablePointer<Float>) throws {
        try source.read(name, rows: rows, into: destination)
        try rewrite(name, rows, destination)
    }

    func all(_ name: String) throws -> [Float] {
        let shape = shape(of: name)!
        let buffer = AlignedBuffer(floats: shape[0] * shape[1], zeroed: false)
        // In two pieces, as an export may ask for them.
        try read(name, rows: 0..<shape[0] / 2, into: buffer.floats.baseAddress!)
        try read(name, rows: shape[0] / 2..<shape[0], into: buffer.floats.baseAddress! + shape[0] / 2 * shape[1])
        return buffer.floatArray()
    }
}

/// The edit's write without its worker.
private final class Remover: ResidualWrite {
    private let ablation: Ablation
    let keepsGradients = false
    init(_ ablation: Ablation) { self.ablation = ablation }
    func firstPosition(prompt: [Int32]) -> Int? { 0 }
    func writes(_ place: WrittenPlace, layer: Int) -> Bool { place != .output }
    func write(_ place: WrittenPlace, layer: Int, x: UnsafeMutablePointer<Float>, columns: Int, rows: [Int]) {
        let unit = ablation.direction.map { Double($0) }
        for row in rows {
            let values = x + row * columns
            let dot = (0..<columns).reduce(0) { $0 + unit[$1] * Double(values[$1]) }
            for column in 0..<columns { values[column] -= Float(dot * unit[column]) }
        }
    }
}
