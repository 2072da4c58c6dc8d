import Tensors

/// The special tokens that a template can name (`bos_token`, `eos_token` …), as transformers' `special_tokens_map`.
struct TemplateTokens: Sendable {
    private(set) var members: [(name: String, spelling: String)] = []

    subscript(name: String) -> String? { members.first { $0.name == name }?.spelling }

    private mutating func set(_ name: String, _ spelling: String) {
        if let place = members.firstIndex(where: { $0.name == name }) {
            members[place].spelling = spelling
        } else {
            members.append((name, spelling))
        }
    }

    init(_ checkpoint: Checkpoint) throws(CheckpointError) {
        if let gguf = checkpoint.gguf {
            self.init(gguf)
        } else {
            try self.init(folder: checkpoint.path)
        }
    }

    /// GGUF names tokens by number (GGUF specification, "Special tokens").
    private init(_ gguf: GGUFFile) {
        guard let tokens = gguf.metadata["tokenizer.ggml.tokens"]?.strings else { return }
        for (name, key) in [
            ("bos_token", "bos"), ("eos_token", "eos"), ("unk_token", "unknown"), ("sep_token", "seperator"),
            ("pad_token", "padding"), ("cls_token", "cls"), ("mask_token", "mask"),
        ] {
            if let id = gguf.metadata["tokenizer.ggml.\(key)_token_id"]?.int, tokens.indices.contains(id) {
                set(name, tokens[id].text)
            }
        }
    }

    private init(folder: String) throws(CheckpointError) {
        let config = try CheckpointFiles.jsonIfPresent("\(folder)/tokenizer_config.json")
        for (name, spelling) in Self.standard[config?["tokenizer_class"]?.string ?? ""] ?? [:] {
            if config?[name] == nil { set(name, spelling) }
        }
        read(config)
        for member in config?["extra_special_tokens"]?.members ?? [] {
            if let spelling = Self.spelling(member.value) { set(member.key.text, spelling) }
        }
        // The older file counts only where the newer one does not list the tokens itself.
        if config?["added_tokens_decoder"] == nil {
            read(try CheckpointFiles.jsonIfPresent("\(folder)/special_tokens_map.json"))
        }
    }

    private mutating func read(_ json: JSON?) {
        for member in json?.members ?? [] where member.key.text.hasSuffix("_token") {
            if let spelling = Self.spelling(member.value) { set(member.key.text, spelling) }
        }
    }

    private static func spelling(_ value: JSON) -> String? { value.string ?? value["content"]?.string }

    /// What transformers' tokenizer classes take for granted where the configuration does not say.
    private static let standard: [String: [String: String]] = {
        let llama = ["bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"]
        let text = "<|endoftext|>"
        let gemma = [
            "bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>", "pad_token": "<pad>",
            "mask_token": "<mask>",
        ]
        let qwen = ["eos_token": text, "unk_token": text, "pad_token": text]
        let gpt = ["bos_token": text, "eos_token": text, "unk_token": text]
        return [
            "LlamaTokenizer": llama, "LlamaTokenizerFast": llama, "GemmaTokenizer": gemma, "GemmaTokenizerFast": gemma,
            "Qwen2Tokenizer": qwen, "Qwen2TokenizerFast": qwen, "GPT2Tokenizer": gpt, "GPT2TokenizerFast": gpt,
        ]
    }()
}
