import Tensors

/// `config.json` as transformers writes it, in the spelling of version 4 (`rope_theta`, `rope_scaling`, `torch_dtype`)
/// and of version 5 (`rope_parameters`, `dtype`); absent keys have transformers' defaults. A value of another type than
/// transformers takes is refused by name, and so is null where it takes none.
struct HuggingFaceConfig {
    let fields: Fields

    /// - Parameter place: where the object stands in the file, for messages.
    init(json: JSON, file: String, place: String = "") { fields = Fields(json: json, file: file, place: place) }

    func config() throws(CheckpointError) -> ModelConfig {
        let architecture = try architecture()
        try ConfigKeys.check(fields, architecture: architecture)
        let isQwen = architecture == .qwen2 || architecture == .qwen3
        let hidden = try fields.int("hidden_size") ?? 4096
        let heads = try fields.int("num_attention_heads") ?? 32
        guard heads > 0, hidden > 0 else { throw fields.malformed("num_attention_heads is \(heads)") }
        let layers = try fields.int("num_hidden_layers") ?? 32
        let maxPositions =
            try fields.int("max_position_embeddings") ?? (architecture == .llama ? 2048 : isQwen ? 32768 : 131_072)
        let attentionBias = try fields.flag("attention_bias") ?? false
        let rope = try RopeSettings(fields, maxPositions: maxPositions)
        let config = ModelConfig(
            architecture: architecture, layerCount: layers, hiddenSize: hidden,
            intermediateSize: try fields.int("intermediate_size")
                ?? (architecture == .llama ? 11008 : isQwen ? 22016 : 14336),
            headCount: heads, keyValueHeadCount: try keyValueHeads(architecture, heads: heads),
            headDim: try headDim(architecture, hidden: hidden, heads: heads),
            vocabularySize: try fields.int("vocab_size") ?? (isQwen ? 151_936 : 32000),
            normEpsilon: Float(try fields.number("rms_norm_eps") ?? 1e-6), ropeTheta: rope.theta,
            ropeScaling: rope.scaling, maxPositions: maxPositions,
            attentionInputBias: architecture == .qwen2 || (architecture != .mistral && attentionBias),
            attentionOutputBias: (architecture == .llama || architecture == .qwen3) && attentionBias,
            mlpBias: architecture == .llama ? try fields.flag("mlp_bias") ?? false : false,
            queryKeyNorm: architecture == .qwen3, tiedEmbeddings: try fields.flag("tie_word_embeddings") ?? false,
            slidingWindows: layers > 0 && layers <= 10_000
                ? try SlidingWindows(fields: fields, layers: layers).windows(architecture, maxPositions: maxPositions)
                : [])
        return try config.validated(file: fields.file)
    }

    private func architecture() throws(CheckpointError) -> ModelConfig.Architecture {
        guard fields.json.members != nil else { throw fields.malformed("not a JSON object") }
        _ = try fields.checkedForDoubles()
        guard let type = try fields.text("model_type") else { throw fields.malformed("no model_type") }
        guard let architecture = ModelConfig.Architecture(rawValue: type) else {
            throw fields.unsupported("model_type \(type) is not supported (llama, mistral, qwen2 and qwen3 are)")
        }
        return architecture
    }

    private func keyValueHeads(
        _ architecture: ModelConfig.Architecture, heads: Int
    ) throws(CheckpointError) -> Int {
        switch architecture {
        case .llama: try fields.int("num_key_value_heads", nullable: true) ?? heads
        case .mistral: try fields.int("num_key_value_heads") ?? 8
        case .qwen2, .qwen3:
            fields.json["num_key_value_heads"]?.isNull == true ? heads : try fields.int("num_key_value_heads") ?? 32
        }
    }

    private func headDim(
        _ architecture: ModelConfig.Architecture, hidden: Int, heads: Int
    ) throws(CheckpointError) -> Int {
        if architecture == .qwen3 { return try fields.int("head_dim") ?? 128 }
        let size = try fields.int("head_dim", nullable: architecture != .qwen2)
        // transformers asks it of Llama even where the size of a head stands there.
        guard hidden % heads == 0 || (size != nil && architecture != .llama) else {
            throw fields.malformed("hidden_size \(hidden) is not a multiple of num_attention_heads \(heads)")
        }
        return size ?? hidden / heads
    }
}
