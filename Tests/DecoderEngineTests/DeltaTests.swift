import Checkpoint
import DecoderEngine
import ModelFixtures
import Protocol
import Selection
import Tensors
import TestSupport
import Testing

/// Merges and task vectors against PyTorch (scripts/fixtures/make_landscape.py), from any stages, threads and memory, and
/// undone to the bit.
@Suite struct DeltaTests {
    private let folder = TemporaryFolder()

    /// The model with `factor` times the fixture's direction added and rounded to F32, as a folder.
    private func other(_ fixture: Fixture, _ factor: Float, named name: String) throws -> OtherCheckpoint {
        let path = folder.file("\(fixture.name)-\(name)")
        let direction = try TensorBundle(safetensors: fixture.path + "/landscape_direction.safetensors").entries
        try HuggingFaceExport(checkpoint: fixture.source, type: .f32).write(to: path) { name, rows, values in
            try fixture.source.read(name, rows: rows, into: values)
            let entry = try #require(direction.first { $0.name == name })
            let columns = entry.shape.dropFirst().reduce(1, *)
            let wide = AlignedBuffer(floats: entry.shape.reduce(1, *))
            _ = Conversion.widen(
                entry.buffer.address, entry.type, count: wide.floats.count, into: wide.floats.baseAddress!)
            for index in 0..<rows.count * columns {
                values[index] = Float(
                    Double(values[index]) + Double(factor) * Double(wide.floats[rows.lowerBound * columns + index]))
            }
        }
        return try OtherCheckpoint(path: path, for: fixture.source.config)
    }

    private func values(_ pipeline: LocalPipeline, _ fixture: Fixture) throws -> AlignedBuffer {
        let body = TaskBody.likelihood(batches: [Batch(sequences: try fixture.sequences())])
        return try #require(try pipeline.run(body).flatMap(\.entries).first { $0.name == "log_probability" }).buffer
    }

    @Test(arguments: LandscapeTests.names) func mergesAndTaskVectorsMatchPyTorch(_ name: String) throws {
        let fixture = try Fixture(name)
        let file = try TensorBundle(safetensors: fixture.path + "/landscape.safetensors")
        let a = try other(fixture, 1, named: "a")
        let b = try other(fixture, -0.5, named: "b")
        for (edit, key) in [
            (WeightDelta([.init(to: a, scale: 0.3)]), "merge.0.3"),
            (WeightDelta([.init(to: a, from: b, scale: -0.7)]), "task.-0.7"),
        ] {
            let pipeline = try LocalPipeline(fixture, cuts: [1])
            try pipeline.apply(edit.bundle)
            let error = relativeError(
                try values(pipeline, fixture).floatArray(), try #require(file[key]).buffer.floatArray())
            #expect(error < 1e-5, "\(name), \(key): \(error)")
        }
    }

    @Test(arguments: LandscapeTests.names) func bothEndsAreTheCheckpointsToTheBit(_ name: String) throws {
        let fixture = try Fixture(name)
        let a = try other(fixture, 1, named: "a")
        let pipeline = try LocalPipeline(fixture, cuts: [1])
        let own = try values(pipeline, fixture).byteArray()
        try pipeline.apply(WeightDelta([.init(to: a, scale: 0)]).bundle)
        #expect(try values(pipeline, fixture).byteArray() == own)
        try pipeline.apply(WeightDelta([.init(to: a, scale: 1)]).bundle)
        let whole = try LocalPipeline(try Checkpoint.open(a.path), cuts: [1])
        #expect(try values(pipeline, fixture).byteArray() == values(whole, fixture).byteArray())
        #expect(try values(pipeline, fixture).byteArray() != own)
        try pipeline.apply(nil)
        #expect(try values(pipeline, fixture).byteArray() == own)
    }

    private func mask(_ config: ModelConfig) -> Mask {
        Mask(
            maps: WeightScores.maps(of: config).map { shape in
                var bits = BitSet(size: shape.count)
                for index in stride(from: 0, to: shape.count, by: 3) { bits[index] = true }
                return .init(shape: shape, bits: bits)
            })
    }

    @Test(arguments: LandscapeTests.names) func anyStagesThreadsAndMemoryGiveTheSameBits(_ name: String) throws {
        let fixture = try Fixture(name)
        let (a, b) = (try other(fixture, 1, named: "a"), try other(fixture, -0.5, named: "b"))
        let edits = [
            WeightDelta([.init(to: a, scale: 0.4)]),
            WeightDelta([
                .init(to: a, from: b, scale: 0.8, mask: mask(fixture.source.config)),
                .init(to: b, scale: 0.5, share: .init(probability: 0.3, seed: 4, isRescaled: true)),
            ]),
        ]
        func bits(cuts: [Int], threads: Int, memoryBytes: Int = 1 << 30) throws -> [[UInt8]] {
            let pipeline = try LocalPipeline(fixture, cuts: cuts, threads: threads, memoryBytes: memoryBytes)
            var all = [try values(pipeline, fixture).byteArray()]
            for edit in edits {
                // As the fleet does it: each stage has its share.
                try pipeline.apply(edit.bundle)
                all.append(try values(pipeline, fixture).byteArray())
            }
            try pipeline.apply(nil)
            #expect(try values(pipeline, fixture).byteArray() == all[0])
            #expect(Set(all).count == 3)
            return all
        }
        let golden = try bits(cuts: [], threads: 1)
        for shape in JobTests.shapes.dropFirst() {
            #expect(try bits(cuts: shape.cuts, threads: shape.threads) == golden)
        }
        #expect(try bits(cuts: [1], threads: 2, memoryBytes: 1) == golden)
    }

    /// Every weight by itself, against the formula.
    @Test func masksAndSharesKeepTheirWeightsAlone() throws {
        let fixture = try Fixture("llama_linear_biases")
        let config = fixture.source.config
        let (a, b) = (try other(fixture, 1, named: "a"), try other(fixture, -0.5, named: "b"))
        let (first, second) = (try Checkpoint.open(a.path), try Checkpoint.open(b.path))
        let mask = mask(config)
        let edit = WeightDelta([
            .init(to: a, from: b, scale: 2, mask: mask),
            .init(to: b, scale: 0.5, share: .init(probability: 0.25, seed: 4, isRescaled: false)),
        ])
        let rewrite = try edit.rewrite(of: fixture.source, files: .own)
        var (kept, all) = (0, 0)
        for (name, shape) in config.tensorShapes {
            let count = shape.reduce(1, *)
            func read(_ source: Checkpoint) throws -> [Float] {
                let buffer = AlignedBuffer(floats: count)
                try source.read(name, rows: 0..<shape[0], into: buffer.floats.baseAddress!)
                return buffer.floatArray()
            }
            let (w, x, y) = (try read(fixture.source), try read(first), try read(second))
            let own = AlignedBuffer(w)
            try rewrite(name, 0..<shape[0], own.floats.baseAddress!)
            let draws = RandomStream(seed: 4, name: "keep 1 \(name)")
            for index in 0..<count {
                let isMasked = mask[name]?.bits[index] ?? false
                let isKept = draws.double(index) < 0.25
                (kept, all) = (kept + (isKept ? 1 : 0), all + 1)
                let sum =
                    (isMasked ? 2 * (Double(x[index]) - Double(y[index])) : 0)
                    + (isKept ? 0.5 * (Double(y[index]) - Double(w[index])) : 0)
                #expect(own.floats[index] == Float(Double(w[index]) + sum))
            }
        }
        #expect(abs(Double(kept) / Double(all) - 0.25) < 0.03)
    }

    @Test func anotherCopyAndAnotherModelAreRefused() throws {
        let fixture = try Fixture("llama")
        var a = try other(fixture, 1, named: "a")
        let pipeline = try LocalPipeline(fixture, cuts: [])
        a.digests[1] = String(repeating: "0", count: 64)
        let fault = "layer 1 here is another than the coordinator's; copy the same files to every machine"
        #expect(throws: SelectionError.file(a.path, fault: fault)) {
            try pipeline.apply(WeightDelta([.init(to: a, scale: 1)]).bundle)
        }
        let tied = try Fixture("llama_gqa_llama3_tied")
        #expect(throws: SelectionError.self) { try OtherCheckpoint(path: tied.path, for: fixture.source.config) }
        #expect(throws: CheckpointError.self) {
            try OtherCheckpoint(path: folder.file("nowhere"), for: fixture.source.config)
        }
        // What failed leaves nothing behind.
        try pipeline.apply(nil)
        let plain = try LocalPipeline(fixture, cuts: [])
        #expect(try values(pipeline, fixture).byteArray() == values(plain, fixture).byteArray())
    }
}
