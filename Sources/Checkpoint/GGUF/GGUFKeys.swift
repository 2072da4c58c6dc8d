import Tensors

/// Which metadata of a GGUF file may be left unread. Any other key under the architecture's name or `tokenizer.ggml.`
/// is refused by name, unless its value switches nothing on (false, 0, empty).
enum GGUFKeys {
    static func check(_ file: GGUFFile, architecture name: String) throws(CheckpointError) {
        func refuse(_ key: String) -> CheckpointError {
            CheckpointError(.unsupported, file: file.path, "\(key) is set, and this program does not compute it")
        }
        if let type = try file.text("general.type"), type != "model" {
            throw CheckpointError(.unsupported, file: file.path, "holds no model but: \(type)")
        }
        if let version = try file.integer("general.quantization_version"), version != 2,
            file.tensors.contains(where: { $0.encoding.blockLength > 1 })
        {
            throw CheckpointError(.unsupported, file: file.path, "quantisation version \(version) (2 can be read)")
        }
        for (key, value) in file.metadata.sorted(by: { $0.key < $1.key }) {
            if key.hasPrefix("\(name).") {
                let rest = String(key.dropFirst(name.count + 1))
                guard !read.contains(rest), !harmless.contains(rest) else { continue }
                guard try isNeutral(rest, value, file: file, name: name) else { throw refuse(key) }
            } else if key.hasPrefix("tokenizer.ggml.") {
                let rest = String(key.dropFirst("tokenizer.ggml.".count))
                guard tokenizer.contains(rest) || rest.hasSuffix("_token_id") || isOff(value) else { throw refuse(key) }
            }
        }
    }

    private static func isNeutral(
        _ key: String, _ value: GGUFValue, file: GGUFFile, name: String
    ) throws(CheckpointError) -> Bool {
        switch key {
        case "attention.causal": return value == .bool(true)
        case "attention.scale":
            // The scale every model has.
            let heads = try file.uniform("\(name).attention.head_count") ?? 1
            let width = try file.integer("\(name).embedding_length") ?? 0
            let size = Double(try file.integer("\(name).attention.key_length") ?? width / max(heads, 1))
            return value.double.map { $0 == 0 || abs($0 * $0 * size - 1) < 1e-6 } ?? false
        case "attention.sliding_window":
            // A window as wide as the context hides nothing.
            guard let window = value.int else { return false }
            let context = try file.integer("\(name).context_length") ?? .max
            return window == 0 || window >= context
        case "logit_scale", "residual_scale", "embedding_scale": return isOff(value) || value.double == 1
        case "rope.scaling.yarn_ext_factor": return value.double == 1 || value.double == -1
        // The order of rotary rows that every file of the architecture llama has.
        case "tensor_data_layout":
            return value.string == "reference" || (name == "llama" && value.string == "Meta AI original pth")
        default: return isOff(value)
        }
    }

    private static func isOff(_ value: GGUFValue) -> Bool {
        switch value {
        case .integer(let value): value == 0
        case .number(let value): value == 0
        case .bool(let value): !value
        case .string(let value): value.bytes.isEmpty
        case .integers(let values): values.allSatisfy { $0 == 0 }
        case .numbers(let values): values.allSatisfy { $0 == 0 }
        case .bools(let values): !values.contains(true)
        case .strings(let values): values.isEmpty
        }
    }

    /// What `GGUFConfig` reads.
    private static let read: Set<String> = [
        "block_count", "context_length", "embedding_length", "feed_forward_length", "vocab_size",
        "attention.head_count", "attention.head_count_kv", "attention.key_length", "attention.value_length",
        "attention.layer_norm_rms_epsilon", "rope.freq_base", "rope.dimension_count", "rope.scale_linear",
        "rope.scaling.type", "rope.scaling.factor", "rope.scaling.original_context_length", "rope.scaling.attn_factor",
        "rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow",
    ]

    /// Notes: whether the scaling was trained, the epsilon of norms these models do not have, how outputs are pooled
    /// into embeddings of texts.
    private static let harmless: Set<String> = [
        "rope.scaling.finetuned", "attention.layer_norm_epsilon", "pooling_type",
    ]

    /// What `Tokenizer(gguf:)` reads, and notes for other uses (numbers of segments, of a byte-pair tokenizer's spaces).
    private static let tokenizer: Set<String> = [
        "model", "pre", "tokens", "token_type", "scores", "merges", "add_bos_token", "add_eos_token",
        "add_space_prefix", "token_type_count",
    ]
}
