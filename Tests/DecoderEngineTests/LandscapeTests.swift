import Checkpoint
import DecoderEngine
import Foundation
import ModelFixtures
import Protocol
import Selection
import Tensors
import TestSupport
import Testing

/// Weights moved along directions against PyTorch (scripts/fixtures/make_landscape.py), from any stages, threads and memory,
/// and undone to the bit.
@Suite struct LandscapeTests {
    static let names = ["llama", "llama_gqa_llama3_tied", "llama_linear_biases", "qwen3"]

    private func step(
        _ fixture: Fixture, _ factor: Double, file: String = "landscape_direction"
    ) throws -> Perturbation.Step {
        let path = "\(fixture.path)/\(file).safetensors"
        return .init(.file(path: path, digest: try Digest.sha256(file: path)), factor: factor)
    }

    private func likelihood(_ fixture: Fixture) throws -> TaskBody {
        .likelihood(batches: [Batch(sequences: try fixture.sequences())])
    }

    private func values(_ pipeline: LocalPipeline, _ body: TaskBody) throws -> AlignedBuffer {
        let entries = try pipeline.run(body).flatMap(\.entries)
        return try #require(entries.first { $0.name == "log_probability" }).buffer
    }

    private func error(_ fixture: Fixture, _ edit: Perturbation, _ name: String, cuts: [Int] = [1]) throws -> Double {
        let file = try TensorBundle(safetensors: fixture.path + "/landscape.safetensors")
        let pipeline = try LocalPipeline(fixture, cuts: cuts)
        try pipeline.apply(edit.bundle)
        return relativeError(
            try values(pipeline, likelihood(fixture)).floatArray(), try #require(file[name]).buffer.floatArray())
    }

    @Test(arguments: names) func aMovedModelMatchesPyTorch(_ name: String) throws {
        let fixture = try Fixture(name)
        for alpha in [0.25, -0.5] {
            let error = try error(fixture, Perturbation([try step(fixture, alpha)]), "moved.\(alpha)")
            #expect(error < 1e-5, "\(name), α \(alpha): \(error)")
        }
        let raw = Perturbation([try step(fixture, 0.5)], isScaled: false)
        let error = try error(fixture, raw, "raw.0.5")
        #expect(error < 1e-5, "\(name), as it is: \(error)")
    }

    @Test func aPlaneOfTwoDirectionsMatchesPyTorch() throws {
        let fixture = try Fixture("llama_gqa_llama3_tied")
        let steps = [try step(fixture, 0.2), try step(fixture, -0.3, file: "landscape_direction2")]
        #expect(try error(fixture, Perturbation(steps), "plane") < 1e-5)
        #expect(try error(fixture, Perturbation(steps, isOrthogonal: true), "orthogonal", cuts: []) < 1e-5)
        #expect(try error(fixture, Perturbation(steps), "orthogonal") > 1e-5)
    }

    /// All of a tensor's rows as an edit makes them, in pieces of a few rows.
    private func rewritten(_ edit: Perturbation, _ source: Checkpoint, _ name: String, step: Int = 5) throws -> [Float]
    {
        let rewrite = try edit.rewrite(of: source, files: .own)
        let shape = try #require(source.shape(of: name))
        let columns = shape.dropFirst().reduce(1, *)
        let buffer = AlignedBuffer(floats: shape[0] * columns)
        for start in stride(from: 0, to: shape[0], by: step) {
            let rows = start..<min(start + step, shape[0])
            let place = buffer.floats.baseAddress! + start * columns
            try source.read(name, rows: rows, into: place)
            try rewrite(name, rows, place)
        }
        return buffer.floatArray()
    }

    @Test(arguments: names) func aRandomDirectionIsAsLongAsTheTensorAndLeavesNormsAlone(_ name: String) throws {
        let source = try Fixture(name).source
        let nothing = Perturbation([.init(.random(seed: 3), factor: 0)])
        let moved = Perturbation([.init(.random(seed: 3), factor: 1)])
        let orthogonal = Perturbation(
            [.init(.random(seed: 3), factor: 0), .init(.random(seed: 3), factor: 1)], isOrthogonal: true)
        for tensor in source.names {
            let own = try rewritten(nothing, source, tensor)
            let difference = zip(try rewritten(moved, source, tensor), own).map { Double($0) - Double($1) }
            let second = zip(try rewritten(orthogonal, source, tensor), own).map { Double($0) - Double($1) }
            let length = own.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
            func norm(_ d: [Double]) -> Double { d.reduce(0) { $0 + $1 * $1 }.squareRoot() }
            guard !tensor.contains("norm") else {
                #expect(norm(difference) == 0 && norm(second) == 0)
                continue
            }
            #expect(abs(norm(difference) / length - 1) < 1e-5, "\(tensor)")
            #expect(abs(norm(second) / length - 1) < 1e-5, "\(tensor)")
            let both = zip(difference, second).reduce(0) { $0 + $1.0 * $1.1 }
            #expect(abs(both) < 1e-5 * length * length, "\(tensor)")
        }
    }

    @Test(arguments: Fixture.names) func anyStagesThreadsAndMemoryGiveTheSameBits(_ name: String) throws {
        let fixture = try Fixture(name)
        let body = try likelihood(fixture)
        let edit = Perturbation([.init(.random(seed: 5), factor: 0.1), .init(.random(seed: 6), factor: -0.05)])
        let further = Perturbation([.init(.random(seed: 5), factor: 0.3)])
        let mask = ZeroedWeights(
            Mask(maps: [
                .init(
                    shape: WeightScores.maps(of: fixture.source.config)[0],
                    bits: BitSet(size: WeightScores.maps(of: fixture.source.config)[0].count, filled: true))
            ]))
        func bits(cuts: [Int], threads: Int, memoryBytes: Int = 1 << 30) throws -> [[UInt8]] {
            let pipeline = try LocalPipeline(fixture, cuts: cuts, threads: threads, memoryBytes: memoryBytes)
            func values(_ edit: (any WeightEdit)?) throws -> [UInt8] {
                try pipeline.apply(edit?.bundle)
                return try self.values(pipeline, body).byteArray()
            }
            let before = try values(nil)
            let moved = try values(edit)
            // From the checkpoint's weights, whatever came before.
            let far = try values(further)
            #expect(try values(edit) == moved)
            let zeroed = try values(mask)
            #expect(try values(Perturbation([.init(.random(seed: 5), factor: 0)])) == before)
            #expect(try values(edit) == moved)
            #expect(try values(nil) == before)
            #expect(Set([before, moved, far, zeroed]).count == 4)
            return [before, moved, far, zeroed]
        }
        let golden = try bits(cuts: [], threads: 1)
        for shape in JobTests.shapes.dropFirst() {
            #expect(try bits(cuts: shape.cuts, threads: shape.threads) == golden)
        }
        #expect(try bits(cuts: [1], threads: 2, memoryBytes: 1) == golden)
        #expect(try bits(cuts: [], threads: 1, memoryBytes: 1) == golden)
    }

    /// Of three times the first direction nothing is orthogonal to it: what rounding leaves is not scaled up.
    @Test func aMultipleOfTheFirstDirectionMovesNothingMadeOrthogonal() throws {
        let fixture = try Fixture("llama")
        let folder = TemporaryFolder()
        let body = try likelihood(fixture)
        func write(_ name: String, times factor: Float) throws -> String {
            let entries = fixture.source.config.tensorShapes.map { tensor in
                let stream = RandomStream(seed: 1, name: tensor.name)
                let values = (0..<tensor.shape.reduce(1, *)).map { factor * (stream.float($0) - 0.3) }
                return TensorBundle.Entry(
                    name: tensor.name, type: .f32, shape: tensor.shape, buffer: AlignedBuffer(values))
            }
            try TensorBundle(entries: entries).write(safetensors: folder.file(name))
            return folder.file(name)
        }
        let (path, triple) = (try write("one.safetensors", times: 1), try write("three.safetensors", times: 3))
        func direction(_ path: String) throws -> Perturbation.Direction {
            .file(path: path, digest: try Digest.sha256(file: path))
        }
        let first = Perturbation.Step(try direction(path), factor: 0.2)
        let second = Perturbation.Step(try direction(triple), factor: 0.3)
        let pipeline = try LocalPipeline(fixture, cuts: [])
        func values(_ edit: Perturbation) throws -> [UInt8] {
            try pipeline.apply(edit.bundle)
            return try self.values(pipeline, body).byteArray()
        }
        #expect(try values(Perturbation([first, second], isOrthogonal: true)) == values(Perturbation([first])))
        let (one, three) = (try DirectionFile(path: path), try DirectionFile(path: triple))
        #expect(three.isParallel(to: one, config: fixture.source.config))
        let other = try Fixture("llama_gqa_llama3_tied")
        let (a, b) = (
            try DirectionFile(path: other.path + "/landscape_direction.safetensors"),
            try DirectionFile(path: other.path + "/landscape_direction2.safetensors")
        )
        #expect(!b.isParallel(to: a, config: other.source.config))
    }

    @Test func aFileThatDoesNotFitIsRefusedByName() throws {
        let fixture = try Fixture("llama")
        let folder = TemporaryFolder()
        let pipeline = try LocalPipeline(fixture, cuts: [])
        func fault(_ change: (inout TensorBundle) -> Void, digest: String? = nil) throws -> String {
            var bundle = try TensorBundle(safetensors: fixture.path + "/landscape_direction.safetensors")
            change(&bundle)
            let path = folder.file("\(UUID().uuidString).safetensors")
            try bundle.write(safetensors: path)
            let step = Perturbation.Step(
                .file(path: path, digest: try digest ?? Digest.sha256(file: path)), factor: 1)
            do { try pipeline.apply(Perturbation([step]).bundle) } catch {
                return "\(error)".replacing(path, with: "F")
            }
            return ""
        }
        let name = "model.layers.1.mlp.up_proj.weight"
        #expect(try fault { _ in } == "")
        #expect(try fault { $0.entries.removeAll { $0.name.contains("norm") } } == "")
        #expect(try fault { $0.entries.removeAll { $0.name == name } } == "F: no entry for \(name)")
        #expect(
            try fault {
                $0.entries.append(.init(name: "x", type: .f32, shape: [1], buffer: AlignedBuffer([Float(1)])))
            } == "F: x: is no weight of the model")
        #expect(
            try fault { bundle in
                bundle.entries.removeAll { $0.name == name }
                bundle.entries.append(.init(name: name, type: .f32, shape: [2], buffer: AlignedBuffer([Float(1), 2])))
            } == "F: \(name): shape [2] where [26, 24] was expected")
        #expect(
            try fault { bundle in
                let values = AlignedBuffer(floats: 26 * 24)
                values.floats[100] = .infinity
                bundle.entries.removeAll { $0.name == name }
                bundle.entries.append(.init(name: name, type: .f32, shape: [26, 24], buffer: values))
            } == "F: \(name): holds a value that is no finite number")
        #expect(
            try fault({ _ in }, digest: String(repeating: "0", count: 64))
                == "F: holds another direction than the coordinator's; copy the same file to every machine")
    }
}
