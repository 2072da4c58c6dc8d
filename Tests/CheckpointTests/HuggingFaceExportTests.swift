import Checkpoint
import Foundation
import Jinja
import Tensors
import TestSupport
import Testing

@Suite struct HuggingFaceExportTests {
    /// In the type the weights came from nothing is lost, whole or in shards.
    @Test(arguments: [("llama", 5_000_000_000), ("llama", 3000), ("llama.gguf", 3000), ("qwen2", 5_000_000_000)])
    func reopensTheSame(model: String, shardLimit: Int) throws {
        let scratch = TemporaryFolder()
        // Any tokenizer will do: the model's files hold none.
        let source = try Checkpoint.open(Fixture.path("models/\(model)"))
        guard source.format == .huggingFace else { return try expectConfigOnly(source, scratch) }
        let export = HuggingFaceExport(
            checkpoint: source, type: model == "llama" ? .bf16 : .f32, shardLimit: shardLimit)
        try export.write(to: scratch.file("out"))
        #expect(try scratch.contents() == ["out"])
        let copy = try Checkpoint.open(scratch.file("out"))
        #expect(copy.config == source.config)
        #expect(copy.names == source.names)
        for name in source.names { #expect(try weights(copy, name) == weights(source, name)) }
    }

    /// A file without a tokenizer cannot become a folder that transformers loads.
    private func expectConfigOnly(_ source: Checkpoint, _ scratch: TemporaryFolder) throws {
        #expect(throws: CheckpointError.self) {
            try HuggingFaceExport(checkpoint: source, type: .bf16).write(to: scratch.file("out"))
        }
        #expect(try scratch.contents().isEmpty)
    }

    @Test(arguments: ["smollm", "llama3", "qwen2", "spm"])
    func tokenizersOfGGUFFilesSurvive(name: String) throws {
        let scratch = TemporaryFolder()
        let source = try Checkpoint.open(Fixture.path("models/tokenizer-\(name).gguf"))
        try HuggingFaceExport(checkpoint: source, type: .f16).write(to: scratch.file("out/"))
        let copy = try Checkpoint.open(scratch.file("out"))
        var expected = source.config
        expected.tiedEmbeddings = true
        #expect(copy.config == expected)
        let (old, new) = (try source.tokenizer(), try copy.tokenizer())
        for text in ["Hello it's 12345  spaces\n\n", "<s>a<|im_end|>b", "\u{65e5}\u{672c} e\u{301}", ""] {
            #expect(new.encode(text) == old.encode(text))
            #expect(new.decode(new.encode(text)) == old.decode(old.encode(text)))
        }
        #expect(try copy.chatTemplateText() == source.chatTemplateText())
        let day = try #require(CalendarDay("2026-11-25"))
        let templates = (try? source.chatTemplate(day: day), try? copy.chatTemplate(day: day))
        #expect((templates.0 == nil) == (try source.chatTemplateText() == nil))
        #expect(
            try copy.stopTokens(tokenizer: new, template: templates.1)
                == source.stopTokens(tokenizer: old, template: templates.0))
    }

    @Test func weightsCanComeFromElsewhereRoundedToEven() throws {
        let scratch = TemporaryFolder()
        let source = try Checkpoint.open(Fixture.path("models/qwen2"))
        try HuggingFaceExport(checkpoint: source, type: .bf16).write(to: scratch.file("out")) {
            name, rows, destination in
            try source.read(name, rows: rows, into: destination)
            if name == "model.norm.weight" { destination[0] = 1 + 0x3p-8 }
        }
        #expect(try weights(Checkpoint.open(scratch.file("out")), "model.norm.weight")[0] == 1 + 0x4p-8)
    }

    @Test func nothingIsLeftBehindAfterAFailure() throws {
        struct Failure: Error {}
        let scratch = TemporaryFolder()
        let source = try Checkpoint.open(Fixture.path("models/qwen2"))
        let export = HuggingFaceExport(checkpoint: source, type: .f32)
        #expect(throws: Failure.self) { try export.write(to: scratch.file("out")) { _, _, _ in throw Failure() } }
        #expect(try scratch.contents().isEmpty)
        try export.write(to: scratch.file("out"))
        #expect(throws: CheckpointError.self) { try export.write(to: scratch.file("out")) }
    }

    private func weights(_ checkpoint: Checkpoint, _ name: String) throws -> [Float] {
        let shape = checkpoint.shape(of: name)!
        var result = [Float](repeating: .nan, count: shape.reduce(1, *))
        try result.withUnsafeMutableBufferPointer {
            try checkpoint.read(name, rows: 0..<shape[0], into: $0.baseAddress!)
        }
        return result
    }
}
