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
                json: try CheckpointFiles.json(file), file: file, special: try SpecialTokens(folder: path))
        }
        return result
    }

    /// The text of a named token such as `eos_token`, whichever of the folder's files names it.
    func tokenizerConfig(_ key: String) throws(CheckpointError) -> String? {
        try SpecialTokens(folder: path).spelling(key)
    }

    /// Tokens that end an answer: the checkpoint's end-of-text tokens and the template's end of turn, sorted.
    /// - Throws: `CheckpointError` where a file that names them is unreadable or malformed, or where the template's end
    ///   of turn is a marker that is no token of this tokenizer.
    public func stopTokens(tokenizer: Tokenizer, template: ChatTemplate?) throws(CheckpointError) -> [Int32] {
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
        if let id = try template?.endOfTurn(tokenizer), Int(id) < config.vocabularySize { result.insert(id) }
        return result.sorted()
    }

    /// `eos_token_id`, a number or a list, of `generation_config.json`, or where that names none of `config.json`.
    private func endTokens() throws(CheckpointError) -> [Int] {
        for name in ["generation_config.json", "config.json"] {
            let file = "\(path)/\(name)"
            guard let json = try CheckpointFiles.jsonIfPresent(file) else { continue }
            let fields = Fields(json: json, file: file)
            // A vision-language model may have it in `text_config` alone.
            let nested = languageModelPart?.config["eos_token_id"]
            guard let value = fields.filled("eos_token_id") ?? (name == "config.json" ? nested : nil), !value.isNull
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
