import Tensors

/// The kinds of vision-language checkpoints whose language model is read, by `model_type`.
///
/// Fed with text alone, the language model of each computes what a model of a supported architecture computes: the
/// embeddings of the tokens go into a decoder of that architecture as they are, images would only replace some of them
/// (transformers, `LlavaModel.forward` and its likes).
enum VisionLanguageFamily: String, CaseIterable {
    case llava
    case llavaNext = "llava_next"
    case llavaNextVideo = "llava_next_video"
    case llavaOneVision = "llava_onevision"
    case videoLlava = "video_llava"
    case vipLlava = "vipllava"
    case mistral3
    case internVL = "internvl"
    case idefics2
    case idefics3
    case smolVLM = "smolvlm"
    case qwen2VL = "qwen2_vl"
    case qwen25VL = "qwen2_5_vl"
    case qwen3VL = "qwen3_vl"

    /// What transformers' classes of the family begin with.
    private var className: String {
        switch self {
        case .llava: "Llava"
        case .llavaNext: "LlavaNext"
        case .llavaNextVideo: "LlavaNextVideo"
        case .llavaOneVision: "LlavaOnevision"
        case .videoLlava: "VideoLlava"
        case .vipLlava: "VipLlava"
        case .mistral3: "Mistral3"
        case .internVL: "InternVL"
        case .idefics2: "Idefics2"
        case .idefics3: "Idefics3"
        case .smolVLM: "SmolVLM"
        case .qwen2VL: "Qwen2VL"
        case .qwen25VL: "Qwen2_5_VL"
        case .qwen3VL: "Qwen3VL"
        }
    }

    /// What `architectures` may name: the model with a head for text, or the one without.
    var classes: [String] { ["\(className)ForConditionalGeneration", "\(className)Model"] }

    /// The decoder that the family brings itself, and the names of its `model_type` in `text_config`; `nil` where
    /// `text_config` names any decoder.
    var ownDecoder: (architecture: ModelConfig.Architecture, names: [String])? {
        switch self {
        case .qwen2VL: (architecture: .qwen2, names: ["qwen2_vl_text", "qwen2_vl"])
        case .qwen25VL: (architecture: .qwen2, names: ["qwen2_5_vl_text", "qwen2_5_vl"])
        case .qwen3VL: (architecture: .qwen3, names: ["qwen3_vl_text", "qwen3_vl"])
        default: nil
        }
    }

    /// The decoder of a `text_config` without `model_type`.
    var absentDecoder: ModelConfig.Architecture {
        switch self {
        case .llava, .llavaNext, .llavaNextVideo, .videoLlava, .vipLlava, .idefics3, .smolVLM: .llama
        case .mistral3, .idefics2: .mistral
        case .llavaOneVision, .internVL, .qwen2VL, .qwen25VL: .qwen2
        case .qwen3VL: .qwen3
        }
    }

    /// Published files have the language model's keys at the top, without a `text_config`.
    var isFlat: Bool { self == .qwen2VL || self == .qwen25VL }

    /// Positions are three numbers (time, height, width), each of which turns its own part of a head (`mrope_section`).
    /// A token of text has the same number three times, which is rotary embedding as it is everywhere.
    var hasThreePositions: Bool { ownDecoder != nil }

    /// What `tie_word_embeddings` is where neither the top nor `text_config` has it.
    var isTiedIfAbsent: Bool { self == .mistral3 || self == .internVL }

    /// transformers' defaults that differ from those of the decoder's own architecture, but for `rope_theta`.
    var defaults: [JSON.Member] {
        switch self {
        case .qwen2VL, .qwen25VL:
            [
                JSON.Member("vocab_size", .integer(152_064)), JSON.Member("hidden_size", .integer(8192)),
                JSON.Member("intermediate_size", .integer(29_568)), JSON.Member("num_hidden_layers", .integer(80)),
                JSON.Member("num_attention_heads", .integer(64)), JSON.Member("num_key_value_heads", .integer(8)),
                JSON.Member("max_position_embeddings", .integer(32_768)), JSON.Member("rms_norm_eps", .number(1e-5)),
                JSON.Member("max_window_layers", .integer(80)),
            ]
        case .qwen3VL: [JSON.Member("max_position_embeddings", .integer(128_000))]
        default: []
        }
    }

    /// `rope_theta` where the configuration has none; `nil`: as the decoder's own architecture has it.
    var absentRopeTheta: Double? { isFlat ? 1_000_000 : nil }
}

/// Names of tensors. transformers 4 and 5 spell those of one model differently; all spellings that they read are here.
extension VisionLanguageFamily {
    /// What the language model's tensors begin with, and what a model of text alone has in its place. The first that
    /// fits counts.
    var decoderNames: [(prefix: String, plain: String)] {
        switch self {
        case .idefics2, .idefics3, .smolVLM:
            [("model.text_model.", "model."), ("text_model.", "model."), ("lm_head.", "lm_head.")]
        case .qwen2VL, .qwen25VL:
            [
                ("model.language_model.", "model."), ("language_model.", "model."), ("lm_head.", "lm_head."),
                ("model.embed_tokens.", "model.embed_tokens."), ("model.layers.", "model.layers."),
                ("model.norm.", "model.norm."),
            ]
        case .qwen3VL:
            [("model.language_model.", "model."), ("language_model.", "model."), ("lm_head.", "lm_head.")]
        default:
            [
                ("language_model.model.", "model."), ("language_model.lm_head.", "lm_head."),
                ("model.language_model.", "model."), ("language_model.", "model."), ("lm_head.", "lm_head."),
            ]
        }
    }

    /// What the tensors of the vision part begin with, with or without `model.` before it.
    private var visionNames: [String] {
        switch self {
        case .idefics2, .idefics3, .smolVLM: ["vision_model.", "connector."]
        case .qwen2VL, .qwen25VL, .qwen3VL: ["visual."]
        case .videoLlava: ["image_tower.", "video_tower.", "multi_modal_projector."]
        default: ["vision_tower.", "multi_modal_projector.", "image_newline"]
        }
    }

    /// What a model of text alone calls a tensor of the language model; `nil` where it is none of it.
    func plainName(_ name: String) -> String? {
        guard let place = decoderNames.first(where: { name.hasPrefix($0.prefix) }) else { return nil }
        return place.plain + name.dropFirst(place.prefix.count)
    }

    /// Whether the tensor is one of the vision part.
    func isVision(_ name: String) -> Bool {
        visionNames.contains { name.hasPrefix($0) || name.hasPrefix("model.\($0)") }
    }
}
