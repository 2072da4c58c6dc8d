/// llama.cpp's tensor names and Hugging Face's.
enum GGUFNames {
    private static let outer = [
        "token_embd.weight": "model.embed_tokens.weight",
        "output_norm.weight": "model.norm.weight",
        "output.weight": "lm_head.weight",
    ]

    private static let inBlock = [
        "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
        "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj", "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
        "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
    ]

    /// The Hugging Face name of a GGUF tensor; `nil` for tensors the four architectures do not have.
    static func huggingFace(_ name: String) -> String? {
        if let known = outer[name] { return known }
        let parts = name.split(separator: ".")
        guard parts.count == 4, parts[0] == "blk", let layer = Int(parts[1]), let inner = inBlock[String(parts[2])]
        else {
            return nil
        }
        return "model.layers.\(layer).\(inner).\(parts[3])"
    }

    /// Whether llama.cpp's converter reorders the rows of this tensor (Hugging Face name) of `llama` files.
    static func isRotary(_ name: String) -> Bool {
        name.contains(".self_attn.q_proj.") || name.contains(".self_attn.k_proj.")
    }
}
