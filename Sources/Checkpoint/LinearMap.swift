/// The seven weight matrices of a decoder block that the paper scores; embeddings, norms and the LM head never are.
public enum LinearMap: String, Sendable, Codable, CaseIterable {
    case q = "self_attn.q_proj", k = "self_attn.k_proj", v = "self_attn.v_proj", o = "self_attn.o_proj"
    case gate = "mlp.gate_proj", up = "mlp.up_proj", down = "mlp.down_proj"

    /// The weight's name in a Hugging Face checkpoint.
    public func weightName(layer: Int) -> String { "model.layers.\(layer).\(rawValue).weight" }

    /// The bias's name in a Hugging Face checkpoint.
    public func biasName(layer: Int) -> String { "model.layers.\(layer).\(rawValue).bias" }

    /// [d_out, d_in] in the given model.
    public func shape(in config: ModelConfig) -> (rows: Int, columns: Int) {
        let d = config.hiddenSize
        let q = config.headCount * config.headDim
        let kv = config.keyValueHeadCount * config.headDim
        switch self {
        case .q: return (q, d)
        case .k, .v: return (kv, d)
        case .o: return (d, q)
        case .gate, .up: return (config.intermediateSize, d)
        case .down: return (d, config.intermediateSize)
        }
    }
}
