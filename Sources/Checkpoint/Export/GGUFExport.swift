import Tensors

#if canImport(Glibc)
    import Glibc
#endif

/// A GGUF file's configuration and tokenizer as the files of a Hugging Face folder.
enum GGUFExport {
    static func config(_ config: ModelConfig, type: String, file: GGUFFile) throws(CheckpointError) -> JSON {
        let classes = ["llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"]
        var members = [
            JSON.Member(
                "architectures", .array([.text(classes[config.architecture.rawValue] ?? "MistralForCausalLM")])),
            JSON.Member("model_type", .text(config.architecture.rawValue)),
            JSON.Member("hidden_act", .text("silu")),
            JSON.Member("hidden_size", .integer(config.hiddenSize)),
            JSON.Member("intermediate_size", .integer(config.intermediateSize)),
            JSON.Member("num_hidden_layers", .integer(config.layerCount)),
            JSON.Member("num_attention_heads", .integer(config.headCount)),
            JSON.Member("num_key_value_heads", .integer(config.keyValueHeadCount)),
            JSON.Member("head_dim", .integer(config.headDim)),
            JSON.Member("vocab_size", .integer(config.vocabularySize)),
            JSON.Member("max_position_embeddings", .integer(config.maxPositions)),
            // The shortest decimal of the 32-bit number, so that 1e-6 stays 1e-6.
            JSON.Member("rms_norm_eps", .number(Double("\(config.normEpsilon)") ?? Double(config.normEpsilon))),
            JSON.Member("rope_theta", .number(config.ropeTheta)),
            JSON.Member("rope_scaling", try scaling(config, file: file)),
            JSON.Member("tie_word_embeddings", .bool(config.tiedEmbeddings)),
            JSON.Member("torch_dtype", .text(type)),
        ]
        if config.architecture == .llama {
            guard config.attentionInputBias == config.attentionOutputBias || !config.attentionInputBias else {
                throw CheckpointError(
                    .unsupported, file: file.path, "a Llama model with biases on q, k and v only cannot be exported")
            }
            members.append(JSON.Member("attention_bias", .bool(config.attentionInputBias)))
            members.append(JSON.Member("mlp_bias", .bool(config.mlpBias)))
        }
        for key in ["bos", "eos"] {
            if let id = file.metadata["tokenizer.ggml.\(key)_token_id"]?.int {
                members.append(JSON.Member("\(key)_token_id", .integer(id)))
            }
        }
        return .object(members)
    }

    private static func scaling(_ config: ModelConfig, file: GGUFFile) throws(CheckpointError) -> JSON {
        func object(_ type: String, _ pairs: [(String, JSON)]) -> JSON {
            .object([JSON.Member("rope_type", .text(type))] + pairs.map { JSON.Member($0.0, $0.1) })
        }
        switch config.ropeScaling {
        case .none: return .null
        case .linear(let factor): return object("linear", [("factor", .number(factor))])
        case .dynamic(let factor): return object("dynamic", [("factor", .number(factor))])
        case .llama3(let factor, let low, let high, let original):
            return object(
                "llama3",
                [
                    ("factor", .number(factor)), ("low_freq_factor", .number(low)), ("high_freq_factor", .number(high)),
                    ("original_max_position_embeddings", .integer(original)),
                ])
        case .yarn(let factor, let original, let fast, let slow, let attention):
            return object(
                "yarn",
                [
                    ("factor", .number(factor)), ("original_max_position_embeddings", .integer(original)),
                    ("beta_fast", .number(fast)), ("beta_slow", .number(slow)),
                    ("attention_factor", .number(attention)),
                ])
        case .divisors(let divisors):
            guard divisors.contains(where: { $0 != 1 }) else { return .null }
            // All released Llama 3 models have these three numbers; the factor is the largest divisor.
            let factor = Double(divisors.max() ?? 1)
            let (low, high, original) = (1.0, 4.0, 8192.0)
            for (index, divisor) in divisors.enumerated() {
                let frequency = pow(config.ropeTheta, -Double(2 * index) / Double(config.headDim))
                let turns = original * frequency / (2 * Double.pi)
                let smooth = min(1, max(0, (turns - low) / (high - low)))
                let expected = 1 / ((1 - smooth) / factor + smooth)
                guard abs(expected - Double(divisor)) <= 1e-3 * expected else {
                    throw CheckpointError(
                        .unsupported, file: file.path,
                        "rope_freqs.weight is not Llama 3's scaling: it cannot be put in a config.json")
                }
            }
            return object(
                "llama3",
                [
                    ("factor", .number(factor)), ("low_freq_factor", .number(low)), ("high_freq_factor", .number(high)),
                    ("original_max_position_embeddings", .integer(Int(original))),
                ])
        }
    }

    static func tokenizerFiles(
        _ file: GGUFFile, checkpoint: Checkpoint
    ) throws(CheckpointError) -> [(name: String, json: JSON)] {
        let tokenizer = try Tokenizer(gguf: file)
        guard let tokens = file.metadata["tokenizer.ggml.tokens"]?.strings else { return [] }
        var config = [
            JSON.Member("tokenizer_class", .text("PreTrainedTokenizerFast")),
            JSON.Member("clean_up_tokenization_spaces", .bool(false)),
            JSON.Member("model_max_length", .integer(checkpoint.config.maxPositions)),
        ]
        for (name, key) in [("bos", "bos"), ("eos", "eos"), ("pad", "padding"), ("unk", "unknown")] {
            if let id = file.metadata["tokenizer.ggml.\(key)_token_id"]?.int, tokens.indices.contains(id) {
                config.append(JSON.Member("\(name)_token", .string(tokens[id])))
            }
        }
        if let template = try checkpoint.chatTemplateText() {
            config.append(JSON.Member("chat_template", .text(template)))
        }
        var generation = [
            JSON.Member("eos_token_id", .array(try checkpoint.ownStopTokens(tokenizer).map { .integer(Int($0)) }))
        ]
        if let id = file.metadata["tokenizer.ggml.bos_token_id"]?.int {
            generation.append(JSON.Member("bos_token_id", .integer(id)))
        }
        return [
            ("tokenizer.json", tokenizer.json(tokens: tokens, merges: file.metadata["tokenizer.ggml.merges"]?.strings)),
            ("tokenizer_config.json", .object(config)), ("generation_config.json", .object(generation)),
        ]
    }
}
