import Checkpoint
import Foundation
import Tensors
import TestSupport
import Testing

/// What tells models apart: every byte that can change a number.
@Suite struct ModelContentTests {
    private let folder = TemporaryFolder()

    private static let models = ["llama", "qwen2", "llama.gguf", "llama-split-00001-of-00004.gguf"]

    /// A copy of a model and of all its parts; the path to open.
    private func copy(_ model: String, to name: String) throws -> String {
        let target = folder.file(name)
        try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
        guard model.hasSuffix(".gguf") else {
            for file in try FileManager.default.contentsOfDirectory(atPath: Fixture.path("models/\(model)")) {
                try FileManager.default.copyItem(
                    atPath: Fixture.path("models/\(model)/\(file)"), toPath: "\(target)/\(file)")
            }
            return target
        }
        let stem = model.replacingOccurrences(of: "00001-of-00004.gguf", with: "")
        for file in try FileManager.default.contentsOfDirectory(atPath: Fixture.path("models"))
        where file == model || (stem != model && file.hasPrefix(stem)) {
            try FileManager.default.copyItem(atPath: Fixture.path("models/\(file)"), toPath: "\(target)/\(file)")
        }
        return "\(target)/\(model)"
    }

    /// The digest, or why the model is none any more.
    private func digest(_ path: String) -> String {
        do { return try Checkpoint.open(path).digest() } catch { return "\(error)" }
    }

    private func change(_ path: String, at place: Int) throws {
        var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        bytes[place < 0 ? bytes.count + place : place] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    /// Every few bytes of every weight file.
    @Test(arguments: models) func oneBitAnywhereIsAnotherModel(model: String) throws {
        let original = digest(Fixture.path("models/\(model)"))
        #expect(original.count == 64)
        let path = try copy(model, to: "copy")
        #expect(digest(path) == original)
        let place = folder.file("copy")
        for file in try FileManager.default.contentsOfDirectory(atPath: place)
        where file.hasSuffix(".gguf") || file.hasSuffix(".safetensors") {
            let size = try FileManager.default.attributesOfItem(atPath: "\(place)/\(file)")[.size] as! Int
            for byte in stride(from: size - 1, to: 0, by: -max(1, size / 40)) {
                try change("\(place)/\(file)", at: byte)
                #expect(digest(path) != original, "\(file) byte \(byte)")
                try change("\(place)/\(file)", at: byte)
            }
        }
        #expect(digest(path) == original)
    }

    /// As two models differ whose samples at the start, middle and end of every tensor are the same.
    @Test func aFewRowsOfOneMatrixAreAnotherModel() throws {
        let path = try copy("llama", to: "rows")
        let original = try Checkpoint.open(path)
        let name = "model.layers.1.mlp.down_proj.weight"
        let shape = try #require(original.shape(of: name))
        let export = HuggingFaceExport(checkpoint: original, type: .f32)
        try export.write(to: folder.file("a"))
        try export.write(to: folder.file("b")) { tensor, rows, values in
            try original.read(tensor, rows: rows, into: values)
            guard tensor == name else { return }
            for row in rows where row == shape[0] / 3 { values[(row - rows.lowerBound) * shape[1] + 1] += 1 }
        }
        let (a, b) = (try Checkpoint.open(folder.file("a")), try Checkpoint.open(folder.file("b")))
        #expect(try a.digest() != b.digest())
        #expect(
            a.digest(layers: 1..<2, isFirst: false, isLast: false)
                != b.digest(layers: 1..<2, isFirst: false, isLast: false))
    }

    @Test(arguments: [
        "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
        "added_tokens.json", "vocab.json", "merges.txt", "tokenizer.model", "chat_template.jinja",
        "additional_chat_templates/tool_use.jinja",
    ])
    func whatDecidesTokensIsPartOfTheModel(name: String) throws {
        let path = try copy("llama", to: "texts")
        let before = digest(path)
        let stage = try Checkpoint.open(path).digest(layers: 0..<1, isFirst: true, isLast: false)
        let file = "\(path)/\(name)"
        try FileManager.default.createDirectory(
            atPath: "\(path)/additional_chat_templates", withIntermediateDirectories: true)
        let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? "{}"
        try (text + " ").write(toFile: file, atomically: true, encoding: .utf8)
        let after = digest(path)
        #expect(after.count == 64 && after != before)
        // No worker reads text.
        #expect(try Checkpoint.open(path).digest(layers: 0..<1, isFirst: true, isLast: false) == stage)
        try "x".write(toFile: "\(path)/README.md", atomically: true, encoding: .utf8)
        #expect(digest(path) == after)
    }

    /// A stage is known by its own layers' bytes: whoever holds others is not asked for them.
    @Test func aStageIsKnownByItsOwnLayers() throws {
        let original = try Checkpoint.open(Fixture.path("models/llama"))
        // A shard for about every tensor.
        try HuggingFaceExport(checkpoint: original, type: .f32, shardLimit: 1).write(to: folder.file("shards"))
        let path = folder.file("shards")
        func stage(_ layers: Range<Int>) throws -> String {
            try Checkpoint.open(path).digest(layers: layers, isFirst: false, isLast: false)
        }
        let (whole, first, second) = (digest(path), try stage(0..<1), try stage(1..<2))
        #expect(first != second)
        let index = try JSON.parse(
            [UInt8](Data(contentsOf: URL(fileURLWithPath: "\(path)/model.safetensors.index.json"))))
        let shard = try #require(index["weight_map"]?["model.layers.1.mlp.down_proj.weight"]?.string)
        try change("\(path)/\(shard)", at: -1)
        #expect(digest(path) != whole)
        #expect(try stage(0..<1) == first)
        #expect(try stage(1..<2) != second)
        #expect(try stage(0..<2) != first)
    }
}
