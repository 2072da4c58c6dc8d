import Tensors

/// `config.json` as transformers writes it, in the spelling of version 4 (`rope_theta`, `rope_scaling`, `torch_dtype`)
/// and of version 5 (`rope_parameters`, `dtype`); absent keys have transformers' defaults.
struct HuggingFaceConfig {
    let json: JSON
    let file: String

    func config() throws(CheckpointError) -> ModelConfig {
        guard json.members != nil else { throw malformed("not a JSON object") }
        guard let type = json["model_type"]?.string else { throw malformed("no model_type") }
        guard let architecture = ModelConfig.Architecture(rawValue: type) else {
            throw unsupported("model_type \(type) is not supported (llama, mistral, qwen2 and qwen3 are)")
        }
        try ConfigKeys.check(json, architecture: architecture, file: file)
        let isQwen = architecture == .qwen2 || architecture == .qwen3
        let hidden = try int("hidden_size", 4096)
        let heads = try int("num_attention_heads", 32)
        guard heads > 0, hidden > 0 else { throw malformed("num_attention_heads is \(heads)") }
        let defaultGroups =
            switch architecture {
            case .llama: heads
            case .mistral: 8
            case .qwen2, .qwen3: 32
            }
        let hasHeadDim = json["head_dim"].map { !$0.isNull } ?? false
        if architecture == .llama || architecture == .mistral || architecture == .qwen2, !hasHeadDim,
            hidden % heads != 0
        {
            throw malformed("hidden_size \(hidden) is not a multiple of num_attention_heads \(heads)")
        }
        let layers = try int("num_hidden_layers", 32)
        let maxPositions = try int("max_position_embeddings", architecture == .llama ? 2048 : isQwen ? 32768 : 131_072)
        let attentionBias = try bool("attention_bias", false)
        let rope = try RopeSettings(json, file: file, maxPositions: maxPositions)
        let config = ModelConfig(
            architecture: architecture, layerCount: layers, hiddenSize: hidden,
            intermediateSize: try int("intermediate_size", architecture == .llama ? 11008 : isQwen ? 22016 : 14336),
            headCount: heads,
            keyValueHeadCount: json["num_key_value_heads"]?.isNull == true
                ? heads : try int("num_key_value_heads", defaultGroups),
            headDim: hasHeadDim ? try int("head_dim", 0) : architecture == .qwen3 ? 128 : hidden / heads,
            vocabularySize: try int("vocab_size", isQwen ? 151_936 : 32000),
            normEpsilon: Float(try double("rms_norm_eps", 1e-6)), ropeTheta: rope.theta, ropeScaling: rope.scaling,
            maxPositions: maxPositions,
            attentionInputBias: architecture == .qwen2 || (architecture != .mistral && attentionBias),
            attentionOutputBias: (architecture == .llama || architecture == .qwen3) && attentionBias,
            mlpBias: architecture == .llama ? try bool("mlp_bias", false) : false,
            queryKeyNorm: architecture == .qwen3, tiedEmbeddings: try bool("tie_word_embeddings", false),
            slidingWindows: layers > 0 && layers <= 10_000 ? try windows(architecture, layers: layers) : [])
        return try config.validated(file: file)
    }

    private func windows(_ architecture: ModelConfig.Architecture, layers: Int) throws(CheckpointError) -> [Int?] {
        let none = [Int?](repeating: nil, count: layers)
        switch architecture {
        case .llama: return none
        case .mistral:
            guard json["sliding_window"]?.isNull != true else { return none }
            return Array(repeating: try int("sliding_window", 4096), count: layers)
        case .qwen2, .qwen3:
            guard try bool("use_sliding_window", false), json["sliding_window"]?.isNull != true else {
                if let types = json["layer_types"]?.elements, types.contains(where: { $0.string != "full_attention" }) {
                    throw malformed("layer_types asks for sliding attention, use_sliding_window does not")
                }
                return none
            }
            let window = try int("sliding_window", 4096)
            if let types = json["layer_types"]?.elements {
                guard types.count == layers else {
                    throw malformed("layer_types has \(types.count) entries for \(layers) layers")
                }
                var result: [Int?] = []
                for type in types {
                    switch type.string {
                    case "full_attention": result.append(nil)
                    case "sliding_attention": result.append(window)
                    default: throw unsupported("layer_types holds \(type.string ?? "no text"), which is not supported")
                    }
                }
                return result
            }
            let first = try int("max_window_layers", 28)
            return (0..<layers).map { $0 >= first ? window : nil }
        }
    }

    private func int(_ key: String, _ absent: Int) throws(CheckpointError) -> Int {
        guard let value = json[key] else { return absent }
        guard let number = value.int else { throw malformed("\(key) is not a whole number") }
        return number
    }

    private func double(_ key: String, _ absent: Double) throws(CheckpointError) -> Double {
        guard let value = json[key] else { return absent }
        guard let number = value.double else { throw malformed("\(key) is not a number") }
        return number
    }

    private func bool(_ key: String, _ absent: Bool) throws(CheckpointError) -> Bool {
        guard let value = json[key], !value.isNull else { return absent }
        guard let flag = value.boolean else { throw malformed("\(key) is neither true nor false") }
        return flag
    }

    private func malformed(_ fault: String) -> CheckpointError { CheckpointError(.malformed, file: file, fault) }
    private func unsupported(_ fault: String) -> CheckpointError { CheckpointError(.unsupported, file: file, fault) }
}
