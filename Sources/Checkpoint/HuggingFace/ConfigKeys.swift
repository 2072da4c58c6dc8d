import Tensors

/// Which keys of a `config.json` may be left unread.
///
/// A key is refused, by name, where it may change the mathematics: it is not among those read or known to be harmless,
/// its value is not null, false or neutral, and a word of its name is one that architectures use for such settings.
/// Any other unknown key (tool versions, notes, training settings) is ignored.
enum ConfigKeys {
    static func check(_ json: JSON, architecture: ModelConfig.Architecture, file: String) throws(CheckpointError) {
        func refuse(_ fault: String) -> CheckpointError { CheckpointError(.unsupported, file: file, fault) }
        if let names = json["architectures"]?.elements?.compactMap(\.string), let name = names.first {
            let expected = [
                ModelConfig.Architecture.llama: "LlamaForCausalLM", .mistral: "MistralForCausalLM",
                .qwen2: "Qwen2ForCausalLM", .qwen3: "Qwen3ForCausalLM",
            ]
            guard names.contains(expected[architecture]!) else {
                throw refuse("architectures names \(name), where \(expected[architecture]!) is expected")
            }
        }
        for key in ["hidden_act", "hidden_activation"] {
            if let name = json[key]?.string, name != "silu", name != "swish" {
                throw refuse("\(key) \(name) is not supported (silu is)")
            }
        }
        if let value = json["quantization_config"], !value.isNull {
            throw refuse("quantization_config is set: open the unquantised checkpoint, or a GGUF file")
        }
        if let value = json["auto_map"], !value.isNull {
            throw refuse("auto_map is set: the model brings its own code")
        }
        let known = common.union(
            architecture == .mistral ? [] : architecture == .llama ? ["attention_bias", "mlp_bias"] : windows)
        for member in json.members ?? [] {
            let key = member.key.text
            guard !known.contains(key), !neutral(member.value) else { continue }
            if key.split(separator: "_").contains(where: { telling.contains(String($0)) }) {
                throw refuse("\(key) is set, and this program does not compute it")
            }
        }
    }

    private static func neutral(_ value: JSON) -> Bool {
        value.isNull || value == .bool(false) || value.double == 1 || value.double == 0
            || value.elements?.isEmpty == true
            || value.members?.isEmpty == true
    }

    private static let common: Set<String> = [
        "model_type", "architectures", "hidden_act", "hidden_activation", "hidden_size", "intermediate_size",
        "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim", "vocab_size", "rms_norm_eps",
        "rope_theta", "rope_scaling", "rope_parameters", "max_position_embeddings", "tie_word_embeddings",
        "sliding_window",
        "torch_dtype", "dtype", "bos_token_id", "eos_token_id", "pad_token_id", "quantization_config", "auto_map",
        // Harmless: training, caching, bookkeeping.
        "attention_dropout", "initializer_range", "use_cache", "pretraining_tp", "transformers_version",
        "_name_or_path",
        "_attn_implementation_autoset", "_attn_implementation", "attn_implementation", "is_llama_config",
        "output_attentions", "output_hidden_states", "problem_type", "id2label", "label2id", "return_dict",
        "chunk_size_feed_forward", "is_encoder_decoder", "transformers.js_config", "num_logits_to_keep",
        "rope_theta_original", "residual_dropout", "embd_pdrop", "hidden_dropout", "layer_norm_eps",
    ]

    private static let windows: Set<String> = [
        "attention_bias", "use_sliding_window", "max_window_layers", "layer_types",
    ]

    private static let telling: Set<String> = [
        "scale", "scaling", "scalar", "multiplier", "softcap", "softcapping", "expert", "experts", "moe", "rotary",
        "rope",
        "norm", "layernorm", "bias", "window", "attn", "attention", "qk", "qkv", "kqv", "mlp", "act", "activation",
        "quantization", "quant", "layer", "layers", "alibi", "position", "positions", "heads", "head", "residual",
        "logit",
        "logits", "clip", "clamp", "emb", "embedding", "embeddings", "parallel", "kv", "lora", "adapter", "depth",
        "ratio",
    ]
}
