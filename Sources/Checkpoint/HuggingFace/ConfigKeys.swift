import Tensors

/// Which keys of a `config.json` may be left unread.
///
/// transformers keeps a key that it does not know and never looks at it, with the exceptions in `switches`. A key is
/// refused, by name, where it may yet mean other mathematics than this program's: it is not among those read or known
/// to be harmless, its value is not null, false or neutral, and a word of its name is one that architectures use for
/// such settings. Any other unknown key (tool versions, notes, training settings) is ignored.
enum ConfigKeys {
    static func check(_ fields: Fields, architecture: ModelConfig.Architecture) throws(CheckpointError) {
        let family = className(architecture)
        try checkClass(
            fields,
            accepted: ["\(family)ForCausalLM", "\(family)Model"]
                + (architecture == .llama ? ["LLaMAForCausalLM"] : []))
        try checkTypes(fields, architecture)
        for key in ["hidden_act", "hidden_activation"] {
            if let name = try fields.text(key), name != "silu", name != "swish" {
                throw fields.unsupported("\(key) \(name) is not supported (silu is)")
            }
        }
        try checkWhole(fields)
        let known = common.union(own(architecture))
        for member in fields.json.members ?? [] {
            let key = member.key.text
            guard !known.contains(key), !neutral(key, member.value) else { continue }
            if telling(key) {
                throw fields.unsupported("\(key) is set, and this program does not compute it")
            }
        }
    }

    /// What transformers' classes of the architecture begin with.
    static func className(_ architecture: ModelConfig.Architecture) -> String {
        switch architecture {
        case .llama: "Llama"
        case .mistral: "Mistral"
        case .qwen2: "Qwen2"
        case .qwen3: "Qwen3"
        }
    }

    /// Settings of a whole model, which count for the language model inside another one as well.
    static func checkWhole(_ fields: Fields) throws(CheckpointError) {
        if fields.filled("quantization_config") != nil {
            throw fields.unsupported("quantization_config is set: open the unquantised checkpoint, or a GGUF file")
        }
        if fields.filled("auto_map") != nil {
            throw fields.unsupported("auto_map is set: the model brings its own code")
        }
        for (key, expected) in switches {
            if let value = try fields.flag(key, nullable: true), value != expected {
                throw fields.unsupported("\(key) is \(value), and this program does not compute it")
            }
        }
    }

    /// The class that `architectures` names: the model with a head for text, or the model without a head, where the
    /// folder may yet hold one. Early Llama checkpoints write LLaMA.
    /// - Parameter accepted: the classes, the one that is named in errors first.
    static func checkClass(_ fields: Fields, accepted: [String]) throws(CheckpointError) {
        var names: [String] = []
        for element in try fields.list("architectures", nullable: true) ?? [] {
            guard let name = element.string else { throw fields.malformed("architectures holds more than texts") }
            names.append(name)
        }
        guard let name = names.first else { return }
        guard names.contains(where: accepted.contains) else {
            throw fields.unsupported("architectures names \(name), where \(accepted[0]) is expected")
        }
    }

    /// Settings without mathematics have to be of transformers' types all the same: another one is a damaged file.
    private static func checkTypes(
        _ fields: Fields, _ architecture: ModelConfig.Architecture
    ) throws(CheckpointError) {
        for key in ["use_cache", "return_dict", "output_hidden_states"] { _ = try fields.flag(key, nullable: true) }
        _ = try fields.number("initializer_range")
        _ = try fields.number("attention_dropout", nullable: architecture == .llama)
        _ = try fields.int("pretraining_tp", nullable: true)
        _ = try fields.int("chunk_size_feed_forward")
        _ = try fields.text("transformers_version", nullable: true)
        for key in ["bos_token_id", "eos_token_id", "pad_token_id"] {
            guard let value = fields.filled(key) else { continue }
            let list = key == "eos_token_id" ? value.elements ?? [value] : [value]
            for element in list {
                guard case .integer = element else {
                    throw fields.malformed("\(key) is no whole number and no list of them")
                }
            }
        }
    }

    /// A value that switches nothing on: null, false, nothing; 1 for a factor, 0 for anything else. False does switch
    /// off what these decoders have anyway.
    private static func neutral(_ key: String, _ value: JSON) -> Bool {
        let words = Set(key.lowercased().split(separator: "_").map(String.init))
        if value == .bool(false) {
            return words.isDisjoint(with: ["rope", "rotary", "scale", "causal", "gate", "gated", "positions"])
                || key == "rope_interleaved"
        }
        if let number = value.double { return number == (words.isDisjoint(with: factors) ? 0 : 1) }
        return value.isNull || value.elements?.isEmpty == true || value.members?.isEmpty == true
    }

    private static let factors: Set<String> = [
        "scale", "scaling", "scalar", "scaler", "multiplier", "factor", "ratio", "parallel", "parallelism", "tp",
    ]

    private static func telling(_ key: String) -> Bool {
        // Numbers and spellings of tokens are read by name or not at all.
        if ["_token", "_id", "_ids", "_version"].contains(where: key.hasSuffix) { return false }
        return key.lowercased().split(separator: "_").contains { tellingWords.contains(String($0)) }
    }

    /// Keys that transformers looks at in any configuration, and what this program computes.
    private static let switches: [(key: String, expected: Bool)] = [
        ("is_causal", true), ("is_encoder_decoder", false), ("add_cross_attention", false),
        ("use_bidirectional_attention", false),
    ]

    private static func own(_ architecture: ModelConfig.Architecture) -> Set<String> {
        switch architecture {
        case .llama: ["attention_bias", "mlp_bias"]
        case .mistral: []
        // Qwen2's biases are fixed: transformers does not look at `attention_bias` there.
        case .qwen2, .qwen3: ["attention_bias", "use_sliding_window", "max_window_layers"]
        }
    }

    private static let common: Set<String> = [
        "model_type", "architectures", "hidden_act", "hidden_activation", "hidden_size", "intermediate_size",
        "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim", "vocab_size", "rms_norm_eps",
        "rope_theta", "rope_scaling", "rope_parameters", "max_position_embeddings", "tie_word_embeddings",
        "sliding_window", "layer_types", "partial_rotary_factor", "original_max_position_embeddings",
        "torch_dtype", "dtype", "bos_token_id", "eos_token_id", "pad_token_id", "quantization_config", "auto_map",
        "is_causal", "is_decoder", "is_encoder_decoder", "add_cross_attention", "use_bidirectional_attention",
        "tie_encoder_decoder",
        // In training only; this program trains without dropout.
        "attention_dropout", "residual_dropout", "embd_pdrop", "resid_pdrop", "hidden_dropout", "initializer_range",
        // How it is computed, not what: caching, slices of matrices, kernels.
        "use_cache", "pretraining_tp", "_attn_implementation_autoset", "_attn_implementation", "attn_implementation",
        "_attn_implementation_internal", "_flash_attn_2_enabled", "use_flash_attn", "use_flash_attention",
        "use_flash_attention_2", "use_memory_efficient_attention", "use_fused_rms_norm", "use_fused_cross_entropy",
        "use_fused_mlp", "gradient_checkpointing", "chunk_size_feed_forward", "fused_rms_norm",
        // What is given back, bookkeeping, other tasks' heads, generation (transformers takes it from elsewhere).
        "transformers_version", "_name_or_path", "output_attentions", "output_hidden_states", "return_dict",
        "problem_type", "id2label", "label2id", "num_labels", "is_llama_config", "transformers.js_config",
        "num_logits_to_keep", "tie_last_hidden_states", "rope_theta_original", "layer_norm_eps",
        "max_sequence_length", "model_max_length", "max_length", "use_mrope",
    ]

    private static let tellingWords: Set<String> = [
        "scale", "scales", "scaling", "scalar", "scaler", "multiplier", "softcap", "softcapping", "cap", "capping",
        "expert", "experts", "moe", "rotary", "rope", "nope", "ntk", "yarn", "norm", "normalization", "layernorm",
        "rmsnorm", "bias", "biases", "window", "windows", "sliding", "attn", "attention",
        "attentions", "qk", "qkv", "kqv", "mlp", "ffn", "gate", "gated", "act", "activation", "quantization",
        "quantized", "quant", "layer", "layers", "alibi", "position", "positions", "positional", "heads", "head",
        "residual", "logit", "logits", "clip", "clamp", "emb", "embed", "embedding", "embeddings", "parallel", "kv",
        "lora", "adapter", "depth", "ratio", "causal", "bidirectional", "prefix", "chunk",
        "sparse", "sink", "sinks", "router", "pruned", "tied", "tie",
    ]
}
