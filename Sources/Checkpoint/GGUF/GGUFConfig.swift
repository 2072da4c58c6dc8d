import Tensors

/// The model configuration in a GGUF file's metadata.
enum GGUFConfig {
    /// - Parameter parts: the file, or where the model is cut into several all of them, the first with the metadata.
    /// - Throws: `CheckpointError` naming the key that is missing or stands for mathematics this program does not do.
    static func config(of parts: [GGUFFile]) throws(CheckpointError) -> ModelConfig {
        let file = parts[0]
        let metadata = file.metadata
        func unsupported(_ fault: String) -> CheckpointError { CheckpointError(.unsupported, file: file.path, fault) }
        guard let name = metadata["general.architecture"]?.string else {
            throw CheckpointError(.malformed, file: file.path, "no general.architecture")
        }
        // llama.cpp calls Mistral's models llama, too.
        guard let architecture = ModelConfig.Architecture(rawValue: name), architecture != .mistral else {
            throw unsupported("architecture \(name) is not supported (llama, qwen2 and qwen3 are)")
        }
        func value(_ key: String) -> GGUFValue? { metadata["\(name).\(key)"] }
        func required(_ key: String) throws(CheckpointError) -> Int {
            guard let found = value(key)?.int else {
                throw CheckpointError(.malformed, file: file.path, "no number \(name).\(key) in the metadata")
            }
            return found
        }
        for key in [
            "expert_count", "logit_scale", "residual_scale", "embedding_scale", "attention.scale",
            "attention.clamp_kqv",
        ]
        where (value(key)?.double ?? 0) != 0 {
            throw unsupported("\(name).\(key) is set, and this program does not compute it")
        }
        let hidden = try required("embedding_length")
        let heads = try required("attention.head_count")
        guard heads > 0, hidden > 0 else { throw unsupported("\(name).attention.head_count is \(heads)") }
        let headDim = value("attention.key_length")?.int ?? hidden / heads
        guard (value("attention.value_length")?.int ?? headDim) == headDim,
            (value("rope.dimension_count")?.int ?? headDim) == headDim
        else { throw unsupported("keys, values and rotary dimensions of different sizes are not supported") }
        let all = parts.flatMap { part in part.tensors.map { ($0.name, (mapping: part.mapping, tensor: $0)) } }
        let tensors = Dictionary(all) { first, _ in first }
        guard let embedding = tensors["token_embd.weight"]?.tensor, embedding.shape.count == 2 else {
            throw CheckpointError(.mismatch, file: file.path, "tensor token_embd.weight is missing")
        }
        let config = ModelConfig(
            architecture: architecture, layerCount: try required("block_count"), hiddenSize: hidden,
            intermediateSize: try required("feed_forward_length"), headCount: heads,
            keyValueHeadCount: value("attention.head_count_kv")?.int ?? heads, headDim: headDim,
            vocabularySize: embedding.shape[0],
            normEpsilon: Float(value("attention.layer_norm_rms_epsilon")?.double ?? 1e-6),
            ropeTheta: value("rope.freq_base")?.double ?? 10_000,
            ropeScaling: try scaling(file: file, prefix: name, divisors: tensors["rope_freqs.weight"]),
            maxPositions: try required("context_length"), attentionInputBias: tensors["blk.0.attn_q.bias"] != nil,
            attentionOutputBias: tensors["blk.0.attn_output.bias"] != nil,
            mlpBias: tensors["blk.0.ffn_down.bias"] != nil,
            queryKeyNorm: architecture == .qwen3, tiedEmbeddings: tensors["output.weight"] == nil, slidingWindows: [])
        return try config.validated(file: file.path)
    }

    private static func scaling(
        file: GGUFFile, prefix: String, divisors: (mapping: FileMapping, tensor: GGUFFile.Tensor)?
    ) throws(CheckpointError) -> ModelConfig.RopeScaling {
        // Files that carry the divisors need nothing else: they are Llama 3's scaling, worked out by the converter.
        if let (mapping, divisors) = divisors {
            guard divisors.encoding == .f32, divisors.shape.count == 1 else {
                throw CheckpointError(.malformed, file: file.path, "tensor rope_freqs.weight is not a vector of F32")
            }
            var values = [Float](repeating: 0, count: divisors.shape[0])
            let stored = StoredTensor(
                mapping: mapping, bytes: divisors.bytes, encoding: .f32, shape: divisors.shape)
            values.withUnsafeMutableBufferPointer { stored.read(rows: 0..<$0.count, into: $0.baseAddress!) }
            return .divisors(values)
        }
        func number(_ key: String) -> Double? { file.metadata["\(prefix).rope.\(key)"]?.double }
        let type =
            file.metadata["\(prefix).rope.scaling.type"]?.string ?? (number("scale_linear") == nil ? "none" : "linear")
        let factor = number("scaling.factor") ?? number("scale_linear") ?? 1
        switch type {
        case "none": return .none
        case "linear": return factor == 1 || factor == 0 ? .none : .linear(factor: factor)
        case "yarn":
            guard factor > 0, let original = number("scaling.original_context_length").flatMap({ Int(exactly: $0) })
            else {
                throw CheckpointError(
                    .malformed, file: file.path, "yarn scaling without factor and original_context_length")
            }
            return .yarn(
                factor: factor, originalMaxPositions: original, betaFast: number("scaling.yarn_beta_fast") ?? 32,
                betaSlow: number("scaling.yarn_beta_slow") ?? 1,
                attentionFactor: (number("scaling.attn_factor") ?? 1) * yarnAttentionFactor(factor))
        default:
            throw CheckpointError(.unsupported, file: file.path, "rope scaling \(type) is not supported")
        }
    }
}
