import Tensors

/// The model configuration in a GGUF file's metadata.
enum GGUFConfig {
    /// - Parameter parts: the file, or where the model is cut into several all of them, the first with the metadata.
    /// - Throws: `CheckpointError` naming the key that is missing or stands for mathematics this program does not do.
    static func config(of parts: [GGUFFile]) throws(CheckpointError) -> ModelConfig {
        let file = parts[0]
        func unsupported(_ fault: String) -> CheckpointError { CheckpointError(.unsupported, file: file.path, fault) }
        guard let name = try file.text("general.architecture") else {
            throw CheckpointError(.malformed, file: file.path, "no general.architecture")
        }
        // llama.cpp calls Mistral's models llama, too.
        guard let architecture = ModelConfig.Architecture(rawValue: name), architecture != .mistral else {
            throw unsupported("architecture \(name) is not supported (llama, qwen2 and qwen3 are)")
        }
        try GGUFKeys.check(file, architecture: name)
        func required<T>(_ key: String, _ value: T?) throws(CheckpointError) -> T {
            guard let value else {
                throw CheckpointError(.malformed, file: file.path, "no number \(name).\(key) in the metadata")
            }
            return value
        }
        func integer(_ key: String) throws(CheckpointError) -> Int {
            try required(key, try file.uniform("\(name).\(key)"))
        }
        let hidden = try integer("embedding_length")
        let heads = try integer("attention.head_count")
        guard heads > 0, hidden > 0 else { throw unsupported("\(name).attention.head_count is \(heads)") }
        let headDim = try file.integer("\(name).attention.key_length") ?? hidden / heads
        guard try file.integer("\(name).attention.value_length") ?? headDim == headDim,
            try file.integer("\(name).rope.dimension_count") ?? headDim == headDim
        else { throw unsupported("keys, values and rotary dimensions of different sizes are not supported") }
        let all = parts.flatMap { part in part.tensors.map { ($0.name, (mapping: part.mapping, tensor: $0)) } }
        let tensors = Dictionary(all) { first, _ in first }
        guard let embedding = tensors["token_embd.weight"]?.tensor, embedding.shape.count == 2 else {
            throw CheckpointError(.mismatch, file: file.path, "tensor token_embd.weight is missing")
        }
        if let rows = try file.integer("\(name).vocab_size"), rows != embedding.shape[0] {
            throw CheckpointError(
                .mismatch, file: file.path, "\(name).vocab_size is \(rows), token_embd.weight has \(embedding.shape[0])"
            )
        }
        let config = ModelConfig(
            architecture: architecture, layerCount: try integer("block_count"), hiddenSize: hidden,
            intermediateSize: try integer("feed_forward_length"), headCount: heads,
            keyValueHeadCount: try file.uniform("\(name).attention.head_count_kv") ?? heads, headDim: headDim,
            vocabularySize: embedding.shape[0],
            normEpsilon: Float(
                try required(
                    "attention.layer_norm_rms_epsilon", try file.number("\(name).attention.layer_norm_rms_epsilon"))),
            ropeTheta: try file.number("\(name).rope.freq_base") ?? 10_000,
            ropeScaling: try GGUFRope(file: file, prefix: "\(name).rope.").scaling(tensors["rope_freqs.weight"]),
            maxPositions: try integer("context_length"), attentionInputBias: tensors["blk.0.attn_q.bias"] != nil,
            attentionOutputBias: tensors["blk.0.attn_output.bias"] != nil,
            mlpBias: tensors["blk.0.ffn_down.bias"] != nil,
            queryKeyNorm: architecture == .qwen3, tiedEmbeddings: tensors["output.weight"] == nil, slidingWindows: [])
        return try config.validated(file: file.path)
    }
}

/// Rotary scaling in a GGUF file's metadata.
private struct GGUFRope {
    let file: GGUFFile
    let prefix: String

    private func number(_ key: String) throws(CheckpointError) -> Double? { try file.number(prefix + key) }

    func scaling(
        _ divisors: (mapping: FileMapping, tensor: GGUFFile.Tensor)?
    ) throws(CheckpointError) -> ModelConfig.RopeScaling {
        let old = try number("scale_linear")
        let new = try number("scaling.factor")
        let type = try file.text("\(prefix)scaling.type") ?? (old == nil ? "none" : "linear")
        if let old, let new, old != new {
            throw CheckpointError(
                .malformed, file: file.path, "\(prefix)scale_linear \(old) contradicts \(prefix)scaling.factor \(new)")
        }
        let factor = new ?? old ?? 1
        let named = try scaling(type, factor: factor)
        guard let divisors else { return named }
        // Files that carry the divisors need nothing else: they are Llama 3's scaling, worked out by the converter.
        guard named == .none else {
            throw CheckpointError(
                .unsupported, file: file.path, "rope_freqs.weight together with rope scaling \(type) is not supported")
        }
        return try stored(divisors.mapping, divisors.tensor)
    }

    private func scaling(_ type: String, factor: Double) throws(CheckpointError) -> ModelConfig.RopeScaling {
        switch type {
        case "none": return .none
        case "linear":
            guard factor >= 0 else {
                throw CheckpointError(.malformed, file: file.path, "\(prefix)scaling.factor is \(factor)")
            }
            return factor == 1 || factor == 0 ? .none : .linear(factor: factor)
        case "yarn":
            guard factor > 0, let original = try file.integer("\(prefix)scaling.original_context_length"), original > 0
            else {
                throw CheckpointError(
                    .malformed, file: file.path, "yarn scaling without factor and original_context_length")
            }
            return .yarn(
                factor: factor, originalMaxPositions: original, betaFast: try number("scaling.yarn_beta_fast") ?? 32,
                betaSlow: try number("scaling.yarn_beta_slow") ?? 1,
                attentionFactor: (try number("scaling.attn_factor") ?? 1) * yarnAttentionFactor(factor))
        default:
            throw CheckpointError(.unsupported, file: file.path, "rope scaling \(type) is not supported")
        }
    }

    private func stored(
        _ mapping: FileMapping, _ divisors: GGUFFile.Tensor
    ) throws(CheckpointError) -> ModelConfig.RopeScaling {
        guard divisors.encoding == .f32, divisors.shape.count == 1 else {
            throw CheckpointError(.malformed, file: file.path, "tensor rope_freqs.weight is not a vector of F32")
        }
        var values = [Float](repeating: 0, count: divisors.shape[0])
        let stored = StoredTensor(mapping: mapping, bytes: divisors.bytes, encoding: .f32, shape: divisors.shape)
        values.withUnsafeMutableBufferPointer { stored.read(rows: 0..<$0.count, into: $0.baseAddress!) }
        return .divisors(values)
    }
}
