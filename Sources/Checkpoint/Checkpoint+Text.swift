import Tensors

extension Checkpoint {
    /// Reads the checkpoint's tokenizer.
    /// - Throws: `CheckpointError` naming what is missing or not supported.
    public func tokenizer() throws(CheckpointError) -> Tokenizer {
        let result: Tokenizer
        if let gguf {
            result = try Tokenizer(gguf: gguf)
        } else {
            let file = "\(path)/tokenizer.json"
            guard Files.exists(file) else {
                throw CheckpointError(
                    .unreadable, file: path, "no tokenizer.json (save it with transformers' fast tokenizer)")
            }
            result = try Tokenizer(
                json: try Files.json(file), file: file, special: try SpecialTokens(folder: path))
        }
        return result
    }

    /// The text of a named token such as `eos_token`, whichever of the folder's files names it.
    func tokenizerConfig(_ key: String) throws(CheckpointError) -> String? {
        try SpecialTokens(folder: path).spelling(key)
    }

    /// The checkpoint's Jinja chat template, if it has one.
    public func chatTemplateText() throws(CheckpointError) -> String? {
        if let gguf { return gguf.metadata["tokenizer.chat_template"]?.string }
        let file = "\(path)/chat_template.jinja"
        if Files.exists(file) { return String(decoding: try Files.bytes(file), as: UTF8.self) }
        guard let value = try Files.jsonIfPresent("\(path)/tokenizer_config.json")?["chat_template"] else { return nil }
        if let text = value.string { return text }
        // Several named templates: the one called default is meant.
        return value.elements?.first { $0["name"]?.string == "default" }?["template"]?.string
    }

    /// The checkpoint's chat template, or the one named by `override` (`ChatTemplate.names`).
    /// - Throws: `CheckpointError` naming the way out where the checkpoint has none or one of another family.
    public func chatTemplate(override: String? = nil) throws(CheckpointError) -> ChatTemplate {
        let text = try chatTemplateText()
        let choices = ChatTemplate.names.joined(separator: "|")
        if let override {
            guard let template = ChatTemplate(name: override, checkpointTemplate: text) else {
                throw CheckpointError(
                    .unsupported, file: path, "no chat template is called \(override): use --template \(choices)")
            }
            return template
        }
        guard let text else {
            throw CheckpointError(
                .unsupported, file: path, "the checkpoint has no chat template: say --template \(choices)")
        }
        guard let template = ChatTemplate(recognising: text) else {
            throw CheckpointError(
                .unsupported, file: path, "the checkpoint's chat template is not known: say --template \(choices)")
        }
        return template
    }

    /// Tokens that end an answer: the checkpoint's end-of-text tokens and its template's end of turn, sorted.
    public func stopTokens(tokenizer: Tokenizer) throws(CheckpointError) -> [Int32] {
        var result: Set<Int32> = []
        // Numbers outside the vocabulary never come, in transformers either.
        func insert(_ id: Int) { if id >= 0, id < config.vocabularySize { result.insert(Int32(id)) } }
        if let gguf {
            for key in ["eos_token_id", "eot_token_id", "eom_token_id"] {
                if let id = try gguf.integer("tokenizer.ggml.\(key)") { insert(id) }
            }
        } else {
            try endTokens().forEach(insert)
            if let id = try tokenizerConfig("eos_token").flatMap({ tokenizer.tokenID($0) }) { result.insert(id) }
        }
        if let text = try chatTemplateText(), let end = ChatTemplate(recognising: text)?.endOfTurn,
            let id = tokenizer.tokenID(end), Int(id) < config.vocabularySize
        {
            result.insert(id)
        }
        return result.sorted()
    }

    /// `eos_token_id`, a number or a list, of `generation_config.json`, or where that names none of `config.json`.
    private func endTokens() throws(CheckpointError) -> [Int] {
        for name in ["generation_config.json", "config.json"] {
            let file = "\(path)/\(name)"
            guard let json = try Files.jsonIfPresent(file),
                let value = Fields(json: json, file: file).filled("eos_token_id")
            else { continue }
            var result: [Int] = []
            for element in value.elements ?? [value] {
                guard case .integer(let id) = element else {
                    throw CheckpointError(.malformed, file: file, "eos_token_id is no whole number and no list of them")
                }
                result.append(id)
            }
            return result
        }
        return []
    }
}
