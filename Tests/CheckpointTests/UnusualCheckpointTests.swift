import Checkpoint
import Foundation
import Tensors
import TestSupport
import Testing

/// Folders as checkpoints on the net have them: other types, names and heads, as transformers 5 reads them.
@Suite struct UnusualCheckpointTests {
    private let head = "lm_head.weight"
    private let embedding = "model.embed_tokens.weight"

    @Test func doublesAreRounded() throws {
        let folder = try changed("llama") { bundle in
            bundle.entries = bundle.entries.map { entry in
                let count = entry.shape.reduce(1, *)
                let narrow = Self.floats(entry)
                let wide = AlignedBuffer(byteCount: 8 * count, zeroed: true)
                for i in 0..<count {
                    wide.address.storeBytes(of: Double(narrow[i]) * (1 + 1e-12), toByteOffset: 8 * i, as: Double.self)
                }
                return .init(name: entry.name, type: .f64, shape: entry.shape, buffer: wide)
            }
        }
        let wide = try Checkpoint.open(folder.path)
        let narrow = try Checkpoint.open(Fixture.path("models/llama"))
        #expect(wide.fileType(of: embedding)?.rawValue == "F64")
        for name in narrow.names { #expect(try values(wide, name) == values(narrow, name)) }
    }

    @Test func namesWithoutModelAreCompleted() throws {
        let folder = try changed("qwen2") { bundle in
            bundle.entries = bundle.entries.map {
                .init(
                    name: $0.name.hasPrefix("model.") ? String($0.name.dropFirst(6)) : $0.name, type: $0.type,
                    shape: $0.shape, buffer: $0.buffer)
            }
        }
        let plain = try Checkpoint.open(Fixture.path("models/qwen2"))
        let bare = try Checkpoint.open(folder.path)
        #expect(bare.names == plain.names && bare.config == plain.config)
        for name in plain.names { #expect(try values(bare, name) == values(plain, name)) }
        let both = try changed("qwen2") { bundle in
            let entry = bundle["model.norm.weight"]!
            bundle.entries.append(
                .init(name: "norm.weight", type: entry.type, shape: entry.shape, buffer: entry.buffer))
        }
        #expect(fault(both).contains("tensor model.norm.weight is there with and without model."))
    }

    /// Equal: one matrix. Different: two, whatever the configuration says. Alone: both.
    @Test func aTiedHeadThatIsThereAsWell() throws {
        func head(_ change: @escaping (inout [Float]) -> Void, dropsEmbedding: Bool = false) throws -> Checkpoint {
            let folder = try changed("qwen2") { bundle in
                let entry = bundle[embedding]!
                var own = Self.floats(entry)
                change(&own)
                if dropsEmbedding { bundle.entries.removeAll { $0.name == embedding } }
                bundle.entries.append(
                    .init(name: self.head, type: .f32, shape: entry.shape, buffer: AlignedBuffer(own)))
            }
            return try Checkpoint.open(folder.path)
        }
        let equal = try head { _ in }
        #expect(equal.config.tiedEmbeddings && equal.shape(of: self.head) == nil)
        let other = try head { $0[5] += 1 }
        #expect(!other.config.tiedEmbeddings)
        #expect(try values(other, self.head)[5] == values(other, embedding)[5] + 1)
        let alone = try head({ $0[5] += 1 }, dropsEmbedding: true)
        #expect(alone.config.tiedEmbeddings)
        #expect(try values(alone, embedding)[5] == values(other, self.head)[5])
    }

    @Test func weightsOfIntegersAreNamed() throws {
        let folder = try changed("qwen2") { bundle in
            bundle.entries.append(
                .init(name: "model.norm.extra.weight", type: .i8, shape: [4], buffer: AlignedBuffer([Float(0)])))
        }
        #expect(fault(folder).contains("tensor model.norm.extra.weight: weights of type I8 cannot be read"))
    }

    @Test(arguments: ["config.json", "model.safetensors"])
    func aPointerOfGitLFSIsNamed(file: String) throws {
        let folder = try changed("qwen2") { _ in }
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
        try folder.write(Array(pointer.utf8), file)
        #expect(
            fault(folder)
                == "\(folder.path)/\(file): a Git LFS pointer, not the file itself: fetch it with git lfs pull")
    }

    @Test func numbersThatEndAnAnswerAreNumbers() throws {
        let folder = try changed("qwen2") { _ in }
        for (text, fault) in [
            (#"{"eos_token_id": "2"}"#, "eos_token_id is no whole number"),
            (#"{"eos_token_id": [1, 2.5]}"#, "eos_token_id is no"),
            (#"{"eos_token_id": true}"#, "eos_token_id is no"),
        ] {
            try folder.write(Array(text.utf8), "generation_config.json")
            try folder.write(Fixture.bytes("tokenizers/qwen2.json"), "tokenizer.json")
            let checkpoint = try Checkpoint.open(folder.path)
            let error = #expect(throws: CheckpointError.self) {
                try checkpoint.stopTokens(tokenizer: try checkpoint.tokenizer(), template: nil)
            }
            #expect(error?.fault.contains(fault) == true, "\(String(describing: error))")
        }
    }

    private func changed(_ model: String, _ change: (inout TensorBundle) -> Void) throws -> TemporaryFolder {
        let scratch = TemporaryFolder()
        try scratch.write(Fixture.bytes("models/\(model)/config.json"), "config.json")
        var bundle = try TensorBundle(safetensors: Fixture.path("models/\(model)/model.safetensors"))
        change(&bundle)
        try bundle.write(safetensors: scratch.file("model.safetensors"))
        return scratch
    }

    private static func floats(_ entry: TensorBundle.Entry) -> [Float] {
        let count = entry.shape.reduce(1, *)
        return (0..<count).map { i in
            switch entry.type {
            case .bf16:
                Float(bitPattern: UInt32(entry.buffer.address.load(fromByteOffset: 2 * i, as: UInt16.self)) << 16)
            default: entry.buffer.address.load(fromByteOffset: 4 * i, as: Float.self)
            }
        }
    }

    private func fault(_ folder: TemporaryFolder) -> String {
        do { _ = try Checkpoint.open(folder.path) } catch { return "\(error)" }
        return "opened"
    }

    private func values(_ checkpoint: Checkpoint, _ name: String) throws -> [Float] {
        let shape = try #require(checkpoint.shape(of: name))
        var weights = [Float](repeating: .nan, count: shape.reduce(1, *))
        try weights.withUnsafeMutableBufferPointer {
            try checkpoint.read(name, rows: 0..<shape[0], into: $0.baseAddress!)
        }
        return weights
    }
}
