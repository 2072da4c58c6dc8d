import Checkpoint
import Foundation
import Tensors
import TestSupport
import Testing

/// Weights against what transformers and gguf-py make of the same files.
@Suite struct CheckpointTests {
    struct Expected: Decodable {
        var shape: [Int]
        var first: [Double]
        var sha256: String
    }

    @Test(arguments: [
        ("llama", "llama", "BF16"), ("mistral", "mistral", "F16"), ("qwen2", "qwen2", "F32"),
        ("qwen3", "qwen3", "BF16"),
        ("llama.gguf", "llama", "BF16"), ("llama-split-00001-of-00004.gguf", "llama", "BF16"),
        ("quantised-llama.gguf", "quantised-llama", "Q4_K"),
        ("quantised-qwen2.gguf", "quantised-qwen2", "Q4_K"), ("quantised-qwen3.gguf", "quantised-qwen3", "Q4_K"),
    ])
    func weightsAreThoseOfTheReference(file: String, expected: String, type: String) throws {
        let checkpoint = try Checkpoint.open(Fixture.path("models/\(file)"))
        let table = try Fixture.decode([String: Expected].self, "models/\(expected).expected.json")
        #expect(checkpoint.names == table.keys.sorted())
        for (name, tensor) in table {
            #expect(checkpoint.shape(of: name) == tensor.shape)
            let weights = try read(checkpoint, name, rows: 0..<tensor.shape[0])
            #expect(
                weights.withUnsafeBytes { Digest.sha256($0) } == tensor.sha256,
                "\(name) \(weights.prefix(3)) \(tensor.first)")
        }
        #expect(checkpoint.fileType(of: "model.layers.0.self_attn.q_proj.weight")?.rawValue == type)
        #expect(checkpoint.format == (file.hasSuffix(".gguf") ? .gguf : .huggingFace))
    }

    @Test(arguments: ["llama.gguf", "quantised-llama.gguf", "qwen3"])
    func rowsReadAloneAreThoseOfTheWhole(file: String) throws {
        let checkpoint = try Checkpoint.open(Fixture.path("models/\(file)"))
        for name in checkpoint.names {
            let shape = checkpoint.shape(of: name)!
            let columns = shape.count == 2 ? shape[1] : 1
            let whole = try read(checkpoint, name, rows: 0..<shape[0])
            for row in 0..<shape[0] {
                #expect(
                    try read(checkpoint, name, rows: row..<row + 1) == Array(whole[row * columns..<(row + 1) * columns])
                )
            }
        }
    }

    @Test func tiedModelsHaveNoHeadOfTheirOwn() throws {
        let checkpoint = try Checkpoint.open(Fixture.path("models/qwen2"))
        #expect(checkpoint.config.tiedEmbeddings)
        #expect(checkpoint.shape(of: "lm_head.weight") == nil)
        var weight: Float = 0
        #expect(throws: CheckpointError.self) { try checkpoint.read("lm_head.weight", rows: 0..<1, into: &weight) }
    }

    @Test func digestsTellModelsApart() throws {
        let first = try Checkpoint.open(Fixture.path("models/qwen3"))
        #expect(try Checkpoint.open(Fixture.path("models/qwen3")).digest() == first.digest())
        #expect(try Checkpoint.open(Fixture.path("models/llama")).digest() != first.digest())
    }

    @Test func missingAndMisshapenTensorsAreNamed() throws {
        let scratch = TemporaryFolder()
        try scratch.write(Fixture.bytes("models/qwen2/config.json"), "config.json")
        func outcome(_ change: (inout TensorBundle) -> Void) throws -> String {
            var bundle = try TensorBundle(safetensors: Fixture.path("models/qwen2/model.safetensors"))
            change(&bundle)
            try bundle.write(safetensors: scratch.file("model.safetensors"))
            let error = #expect(throws: CheckpointError.self) { try Checkpoint.open(scratch.path) }
            return error.map { String($0.description.dropFirst(scratch.path.count)) } ?? ""
        }
        let name = "model.layers.1.mlp.up_proj.weight"
        #expect(
            try outcome { $0.entries.removeAll { $0.name == name } }
                == ": tensor \(name) is missing (expected [24, 16])")
        #expect(
            try outcome { bundle in
                let old = bundle[name]!
                bundle.entries.removeAll { $0.name == name }
                bundle.entries.append(.init(name: name, type: old.type, shape: [16, 24], buffer: old.buffer))
            } == "/model.safetensors: tensor \(name): expected [24, 16], found [16, 24]")
        #expect(
            try outcome { bundle in
                bundle.entries.append(
                    .init(name: "model.extra.weight", type: .f32, shape: [1], buffer: AlignedBuffer([Float(1)])))
            } == ": tensor model.extra.weight is not part of a qwen2 model with this configuration")
    }

    @Test func absentFilesAreNamed() throws {
        let scratch = TemporaryFolder()
        #expect(throws: CheckpointError(.unreadable, file: "/no/such/model", "no such file or folder")) {
            try Checkpoint.open("/no/such/model")
        }
        #expect(throws: CheckpointError(.unreadable, file: scratch.path, "no config.json in this folder")) {
            try Checkpoint.open(scratch.path)
        }
    }

    private func read(_ checkpoint: Checkpoint, _ name: String, rows: Range<Int>) throws -> [Float] {
        let columns = checkpoint.shape(of: name)!.dropFirst().reduce(1, *)
        var weights = [Float](repeating: .nan, count: rows.count * columns)
        try weights.withUnsafeMutableBufferPointer { try checkpoint.read(name, rows: rows, into: $0.baseAddress!) }
        return weights
    }
}
