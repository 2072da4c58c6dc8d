import Checkpoint
import Foundation
import Jinja
import Tensors
import TestSupport
import Testing

/// The language model inside a vision-language folder is the plain one, in every spelling; what is another model is refused.
@Suite struct VisionLanguageTests {
    /// A family in one of the spellings of its files, made of a plain model.
    struct Kind: CustomStringConvertible, Sendable {
        var model: String
        var type: String
        var names: VisionLanguageFolder.Names
        var vision: String
        /// `model_type` of `text_config`, where it is not the plain model's.
        var textType: String?
        /// The language model's keys stand at the top.
        var isFlat = false
        var description: String { "\(model) as \(type), \(names.rawValue)\(isFlat ? ", flat" : "")" }
    }

    static let kinds = [
        Kind(model: "llama", type: "llava", names: .inner, vision: "vision_tower.vision_model."),
        Kind(model: "llama", type: "llava", names: .outer, vision: "model.vision_tower.vision_model."),
        Kind(model: "mistral", type: "llava_next", names: .inner, vision: "vision_tower."),
        Kind(model: "mistral", type: "mistral3", names: .outer, vision: "model.vision_tower."),
        Kind(model: "qwen2", type: "llava_onevision", names: .inner, vision: "vision_tower."),
        Kind(model: "qwen2", type: "internvl", names: .outer, vision: "model.multi_modal_projector."),
        Kind(model: "llama", type: "idefics3", names: .text, vision: "model.vision_model."),
        Kind(model: "llama", type: "video_llava", names: .inner, vision: "image_tower."),
        Kind(model: "qwen2", type: "qwen2_vl", names: .plain, vision: "visual.", isFlat: true),
        Kind(
            model: "qwen2", type: "qwen2_5_vl", names: .outer, vision: "model.visual.", textType: "qwen2_5_vl_text"),
    ]

    private func folder(
        _ kind: Kind, change: (inout [String: Any]) -> Void = { _ in },
        tensors: (inout TensorBundle) -> Void = { _ in }
    ) throws -> TemporaryFolder {
        let folder = TemporaryFolder()
        try VisionLanguageFolder.make(
            of: Fixture.path("models/\(kind.model)"), in: folder, type: kind.type, names: kind.names,
            visionPrefix: kind.vision,
            change: { config in
                if let type = kind.textType { config.changeText { $0["model_type"] = type } }
                if kind.isFlat {
                    let text = config.removeValue(forKey: "text_config") as? [String: Any] ?? [:]
                    config.merge(text) { whole, _ in whole }
                    config["architectures"] = ["Qwen2VLForConditionalGeneration"]
                }
                change(&config)
            }, tensors: tensors)
        return folder
    }

    private func open(_ kind: Kind, change: (inout [String: Any]) -> Void = { _ in }) throws -> ModelConfig {
        let folder = try folder(kind, change: change)
        return try Checkpoint.open(folder.path).config
    }

    @Test(arguments: kinds) func itIsThePlainModelInEverySpelling(_ kind: Kind) throws {
        let plain = try Checkpoint.open(Fixture.path("models/\(kind.model)"))
        let folder = try folder(kind)
        let whole = try Checkpoint.open(folder.path)
        #expect(whole.config == plain.config)
        #expect(whole.names == plain.names)
        for name in plain.names {
            #expect(whole.fileType(of: name) == plain.fileType(of: name))
            #expect(try values(whole, name) == values(plain, name))
        }
        let part = try #require(whole.languageModelPart)
        #expect(part.family == kind.type && part.leftOutTensors == 2 && part.leftOutNumbers == 36)
        #expect(whole.partTitle?.contains("2 tensors (36 numbers)") == true)
        #expect(plain.languageModelPart == nil && plain.partTitle == nil)
    }

    /// An export is a folder of the decoder's own architecture, which says nothing of images.
    @Test(arguments: kinds) func exportsAreModelsOfTextAlone(_ kind: Kind) throws {
        let folder = try folder(kind)
        let whole = try Checkpoint.open(folder.path)
        let scratch = TemporaryFolder()
        let type: ElementType = kind.model == "llama" ? .bf16 : kind.model == "mistral" ? .f16 : .f32
        try HuggingFaceExport(checkpoint: whole, type: type).write(to: scratch.file("out"))
        let copy = try Checkpoint.open(scratch.file("out"))
        #expect(copy.languageModelPart == nil)
        #expect(copy.config == whole.config)
        #expect(copy.names == whole.names)
        for name in whole.names { #expect(try values(copy, name) == values(whole, name)) }
        let config = String(
            decoding: try Data(contentsOf: URL(fileURLWithPath: scratch.file("out/config.json"))), as: UTF8.self)
        #expect(config.contains("\(kind.model.capitalized)ForCausalLM"))
        for word in ["vision_config", "text_config", "mrope", "ConditionalGeneration"] {
            #expect(!config.contains(word), "\(word)")
        }
    }

    /// Qwen2-VL's own defaults, and rotary settings as its three positions need them.
    @Test func whatQwenLeavesOut() throws {
        let flat = Self.kinds[8]
        let plain = try Checkpoint.open(Fixture.path("models/qwen2")).config
        let config = try open(flat) {
            for key in ["rms_norm_eps", "rope_parameters", "max_position_embeddings", "dtype"] { $0[key] = nil }
            $0["rope_scaling"] = ["type": "mrope", "mrope_section": [2, 1, 1]] as [String: Any]
        }
        #expect(config.ropeTheta == 1_000_000 && config.normEpsilon == 1e-5 && config.maxPositions == 32_768)
        #expect(config.ropeScaling == .none)
        let scaled = try open(Self.kinds[9]) {
            $0.changeText {
                $0["rope_parameters"] =
                    [
                        "rope_type": "yarn", "rope_theta": 10_000, "factor": 4, "mrope_section": [2, 1, 1],
                        "original_max_position_embeddings": 32,
                    ] as [String: Any]
            }
        }
        guard case .yarn(4, 32, _, _, _) = scaled.ropeScaling else {
            return #expect(Bool(false), "\(scaled.ropeScaling)")
        }
        #expect(scaled.ropeTheta == plain.ropeTheta)
    }

    /// The head is the embedding where the top or `text_config` says so, or the class does.
    @Test func tiedHeads() throws {
        let qwen = Self.kinds[4]
        func tied(_ kind: Kind, top: Bool?, text: Bool?) throws -> Bool {
            try open(kind) {
                $0["tie_word_embeddings"] = top
                $0.changeText { $0["tie_word_embeddings"] = text }
            }.tiedEmbeddings
        }
        #expect(try tied(qwen, top: nil, text: true))
        #expect(try tied(qwen, top: true, text: nil))
        #expect(try tied(qwen, top: false, text: true))
        #expect(try tied(Self.kinds[5], top: nil, text: nil))
        let error = #expect(throws: CheckpointError.self) { try tied(qwen, top: nil, text: nil) }
        #expect(error?.fault.contains("tensor lm_head.weight is missing") == true)
    }

    @Test func endsOfAnAnswer() throws {
        func stops(_ change: (inout [String: Any]) -> Void) throws -> [Int32] {
            let folder = try folder(Self.kinds[4], change: change)
            try folder.write(Fixture.bytes("tokenizers/qwen2.json"), "tokenizer.json")
            let checkpoint = try Checkpoint.open(folder.path)
            return try checkpoint.stopTokens(tokenizer: try checkpoint.tokenizer(), template: nil)
        }
        #expect(try stops { _ in } == [2])
        #expect(try stops { $0["eos_token_id"] = [3, 4] } == [3, 4])
        #expect(try stops { $0.changeText { $0["eos_token_id"] = NSNull() } } == [])
    }

    /// Templates of processors stand in a file of their own and go through a message's parts.
    @Test func templatesOfProcessors() throws {
        let source =
            "{% for m in messages %}{{ m.role | upper }}: {% for part in m.content | selectattr('type', 'equalto', 'text') %}"
            + "{{ part.text }} {% endfor %}{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
        let folder = try folder(Self.kinds[0])
        let json = try JSONSerialization.data(withJSONObject: ["chat_template": source])
        try folder.write(Array(json), "chat_template.json")
        let whole = try Checkpoint.open(folder.path)
        let scratch = TemporaryFolder()
        try HuggingFaceExport(checkpoint: whole, type: .bf16).write(to: scratch.file("out"))
        for checkpoint in [whole, try Checkpoint.open(scratch.file("out"))] {
            #expect(try checkpoint.chatTemplateText() == source)
            let template = try checkpoint.chatTemplate(day: ChatTemplateTests.day)
            #expect(try template.text(user: "Hi") == "USER: Hi ASSISTANT:")
            #expect(try template.text(user: "Hi", system: .text("Be kind.")) == "SYSTEM: Be kind. USER: Hi ASSISTANT:")
        }
        // A plain folder's file of that name belongs to no processor.
        let plain = TemporaryFolder()
        for name in ["config.json", "model.safetensors"] {
            try plain.write(Fixture.bytes("models/llama/\(name)"), name)
        }
        try plain.write(Array(json), "chat_template.json")
        #expect(try Checkpoint.open(plain.path).chatTemplateText() == nil)
    }

    struct Refusal: Sendable, CustomStringConvertible {
        var kind = VisionLanguageTests.kinds[0]
        var fault: String
        var change: @Sendable (inout [String: Any]) -> Void
        var description: String { fault }
    }

    static let refusals = [
        Refusal(
            fault: "model_type mllama is not supported: layers of its decoder attend to images (cross-attention)",
            change: { $0["model_type"] = "mllama" }),
        Refusal(
            fault: "model_type paligemma is not supported (of models with a text_config, llava, ",
            change: { $0["model_type"] = "paligemma" }),
        Refusal(
            fault: "text_config: model_type gemma2 is not supported (llama, mistral, qwen2 and qwen3 are)",
            change: { $0.changeText { $0["model_type"] = "gemma2" } }),
        Refusal(fault: "text_config is missing", change: { $0["text_config"] = nil }),
        Refusal(
            fault: "quantization_config is set",
            change: { $0["quantization_config"] = ["bits": 4] }),
        Refusal(fault: "auto_map is set", change: { $0["auto_map"] = ["AutoModel": "own.py"] }),
        Refusal(
            fault: "architectures names LlavaLlamaForCausalLM, where LlavaForConditionalGeneration is expected",
            change: { $0["architectures"] = ["LlavaLlamaForCausalLM"] }),
        Refusal(
            fault: "text_config: logit_scale is set", change: { $0.changeText { $0["logit_scale"] = 0.5 } }),
        Refusal(
            fault: "rope settings: mrope_section is set",
            change: {
                $0.changeText {
                    $0["rope_parameters"] = ["rope_type": "default", "mrope_section": [1, 1, 2]] as [String: Any]
                }
            }),
        Refusal(
            kind: kinds[9], fault: "text_config: model_type qwen3 is not supported in a qwen2_5_vl model",
            change: { $0.changeText { $0["model_type"] = "qwen3" } }),
        Refusal(
            kind: kinds[9], fault: "text_config: head_dim 16 is not hidden_size / num_attention_heads",
            change: { $0.changeText { $0["head_dim"] = 16 } }),
        Refusal(
            fault: "text_config: rope_theta is missing",
            change: {
                $0["model_type"] = "qwen3_vl"
                $0.changeText {
                    $0["model_type"] = "qwen3_vl_text"
                    $0["rope_parameters"] = nil
                }
            }),
    ]

    @Test(arguments: refusals) func otherModelsAreRefusedByName(_ refusal: Refusal) throws {
        let error = #expect(throws: CheckpointError.self) { try open(refusal.kind, change: refusal.change) }
        #expect(error?.fault.hasPrefix(refusal.fault) == true, "\(String(describing: error))")
    }

    @Test func tensorsOfNoPartAndDoublesAreNamed() throws {
        func fault(_ name: String, as other: String) throws -> String {
            let folder = try folder(
                Self.kinds[0],
                tensors: { bundle in
                    let entry = bundle[name]!
                    bundle.entries.append(
                        .init(name: other, type: entry.type, shape: entry.shape, buffer: entry.buffer))
                })
            let error = #expect(throws: CheckpointError.self) { try Checkpoint.open(folder.path) }
            return error?.fault ?? ""
        }
        let norm = "language_model.model.norm.weight"
        #expect(try fault(norm, as: "audio_tower.weight").contains("audio_tower.weight is not part of a llava model"))
        #expect(try fault(norm, as: "model.norm.weight").contains("model.norm.weight is not part of a llava model"))
        #expect(
            try fault(norm, as: "language_model.model.layers.0.cross_attn.weight")
                .contains("tensor language_model.model.layers.0.cross_attn.weight is not part of a llama model"))
        #expect(try fault(norm, as: "model.language_model.norm.weight").contains("is there as \(norm), too"))
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
