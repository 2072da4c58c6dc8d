import Checkpoint
import DecoderEngine
import ModelFixtures
import Protocol
import Selection
import Tensors
import TestSupport
import Testing

/// The language model of a vision-language folder computes what the plain one does, and mixes with it; those that
/// transformers itself wrote compute what transformers does (scripts/fixtures/make_vision_language.py).
@Suite struct VisionLanguageTests {
    /// A plain fixture as a family's.
    struct Kind: CustomStringConvertible, Sendable {
        var model: String
        var type: String
        var names: VisionLanguageFolder.Names
        var vision: String
        var textType: String?
        /// How a head's pairs are divided among the three positions.
        var section: [Int]?
        var description: String { "\(model) as \(type)" }
    }

    static let kinds = [
        Kind(model: "llama", type: "llava", names: .inner, vision: "vision_tower."),
        Kind(model: "llama_gqa_llama3_tied", type: "idefics3", names: .text, vision: "model.vision_model."),
        Kind(model: "mistral", type: "mistral3", names: .outer, vision: "model.vision_tower."),
        Kind(
            model: "qwen2", type: "qwen2_5_vl", names: .plain, vision: "visual.", textType: "qwen2_5_vl_text",
            section: [2, 1, 1]),
        Kind(
            model: "qwen3", type: "qwen3_vl", names: .outer, vision: "model.visual.", textType: "qwen3_vl_text",
            section: [4, 2, 2]),
    ]

    /// A folder of that family with a plain one's weights.
    private func whole(_ kind: Kind, of model: String) throws -> TemporaryFolder {
        let folder = TemporaryFolder()
        try VisionLanguageFolder.make(
            of: model, in: folder, type: kind.type, names: kind.names, visionPrefix: kind.vision,
            change: { config in
                config.changeText {
                    if let type = kind.textType { $0["model_type"] = type }
                    guard let section = kind.section else { return }
                    let key = $0["rope_parameters"] == nil ? "rope_scaling" : "rope_parameters"
                    var settings = $0[key] as? [String: Any] ?? ["rope_type": "default"]
                    settings["mrope_section"] = section
                    $0[key] = settings
                }
            })
        return folder
    }

    private func values(_ source: any WeightSource, _ fixture: Fixture, _ edit: WeightDelta? = nil) throws -> [UInt8] {
        let pipeline = try LocalPipeline(source, cuts: [1])
        try pipeline.apply(edit?.bundle)
        let body = TaskBody.likelihood(batches: [Batch(sequences: try fixture.sequences())])
        let entry = try pipeline.run(body).flatMap(\.entries).first { $0.name == "log_probability" }
        return try #require(entry).buffer.byteArray()
    }

    @Test(arguments: kinds) func textAloneGivesThePlainModelsBits(_ kind: Kind) throws {
        let fixture = try Fixture(kind.model)
        let folder = try whole(kind, of: fixture.path)
        let checkpoint = try Checkpoint.open(folder.path)
        #expect(checkpoint.config == fixture.source.config)
        #expect(try values(checkpoint, fixture) == values(fixture.source, fixture))
    }

    /// Going all the way to a vision-language model's weights is to be it, and half of the way is neither.
    @Test(arguments: kinds) func itMixesWithTheLanguageModelItCameFrom(_ kind: Kind) throws {
        let fixture = try Fixture(kind.model)
        let scratch = TemporaryFolder()
        let adapted = scratch.file("adapted")
        try HuggingFaceExport(checkpoint: fixture.source, type: .f32).write(to: adapted) { name, rows, values in
            try fixture.source.read(name, rows: rows, into: values)
            if name.hasSuffix("down_proj.weight") { values[0] += 0.5 }
        }
        let folder = try whole(kind, of: adapted)
        let other = try OtherCheckpoint(path: folder.path, for: fixture.source.config)
        let own = try values(fixture.source, fixture)
        let end = try values(try Checkpoint.open(folder.path), fixture)
        #expect(own != end)
        #expect(try values(fixture.source, fixture, WeightDelta([.init(to: other, scale: 1)])) == end)
        let middle = try values(fixture.source, fixture, WeightDelta([.init(to: other, scale: 0.5)]))
        #expect(middle != own && middle != end)
    }

    /// Folders as transformers writes them, against its own log-probabilities for text alone.
    @Test(arguments: ["llava", "qwen2_5_vl"]) func textAloneMatchesTransformers(_ name: String) throws {
        let fixture = try Fixture("vision_language/\(name)")
        #expect(fixture.source.languageModelPart?.family == name)
        #expect((fixture.source.languageModelPart?.leftOutTensors ?? 0) > 0)
        let pipeline = try LocalPipeline(fixture, cuts: [1])
        let body = TaskBody.likelihood(batches: [Batch(sequences: try fixture.sequences())])
        let entry = try pipeline.run(body).flatMap(\.entries).first { $0.name == "log_probability" }
        let error = relativeError(try #require(entry).buffer.floatArray(), try fixture.floats("log_probability"))
        #expect(error < 1e-5, "\(name): \(error)")
    }
}
