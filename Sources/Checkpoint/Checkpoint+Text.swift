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
                json: try Files.json(file), file: file, beginningOfText: try tokenizerConfig("bos_token"))
        }
        return result
    }

    /// The text of a token-valued entry of `tokenizer_config.json`: a string, or an object with `content`.
    func tokenizerConfig(_ key: String) throws(CheckpointError) -> String? {
        let value = try Files.jsonIfPresent("\(path)/tokenizer_config.json")?[key]
        return value?.string ?? value?["content"]?.string
    }

    /// Tokens that end an answer: the checkpoint's end-of-text tokens and the template's end of turn, sorted.
    public func stopTokens(tokenizer: Tokenizer, template: ChatTemplate?) throws(CheckpointError) -> [Int32] {
        var result: Set<Int32> = []
        func insert(_ value: JSON?) {
            for number in value?.elements ?? [value ?? .null] {
                if let id = number.int, id >= 0, id < config.vocabularySize { result.insert(Int32(id)) }
            }
        }
        if let gguf {
            for key in ["eos_token_id", "eot_token_id", "eom_token_id"] {
                insert(gguf.metadata["tokenizer.ggml.\(key)"]?.int.map { .integer($0) })
            }
        } else {
            if let generation = try Files.jsonIfPresent("\(path)/generation_config.json")?["eos_token_id"] {
                insert(generation)
            } else {
                insert(try Files.json("\(path)/config.json")["eos_token_id"])
            }
            if let id = try tokenizerConfig("eos_token").flatMap({ tokenizer.tokenID($0) }) { result.insert(id) }
        }
        if let id = try template?.endOfTurn(tokenizer), Int(id) < config.vocabularySize { result.insert(id) }
        return result.sorted()
    }
}
