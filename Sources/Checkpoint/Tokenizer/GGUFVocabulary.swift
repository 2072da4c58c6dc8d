import Tensors

/// What every kind of tokenizer has in a GGUF file's metadata: its tokens, their types, and those with a task.
struct GGUFVocabulary {
    private let file: GGUFFile
    /// Which kind of tokenizer it is: `gpt2`, `llama` …
    let kind: String
    let tokens: [ByteString]
    /// Token types of the format: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte.
    let types: [Int]

    /// - Throws: `CheckpointError` where there is no tokenizer, or its lists do not fit each other.
    init(_ file: GGUFFile) throws(CheckpointError) {
        func malformed(_ fault: String) -> CheckpointError { CheckpointError(.malformed, file: file.path, fault) }
        guard let kind = try file.text(Self.key("model")), let tokens = try file.texts(Self.key("tokens")),
            tokens.count < Int(Int32.max)
        else {
            throw malformed("no tokenizer in this file")
        }
        let stored = file.metadata[Self.key("token_type")]
        guard let types = stored == nil ? Array(repeating: 1, count: tokens.count) : stored?.integers else {
            throw malformed("metadata \(Self.key("token_type")) is not a list of whole numbers")
        }
        guard types.count == tokens.count else {
            throw malformed("\(types.count) token types for \(tokens.count) tokens")
        }
        (self.file, self.kind, self.tokens, self.types) = (file, kind, tokens, types)
    }

    static func key(_ name: String) -> String { "tokenizer.ggml.\(name)" }

    /// Control tokens and those of the user: texts are cut at them.
    var added: [AddedToken] {
        var added: [AddedToken] = []
        for (id, token) in tokens.enumerated() where types[id] == 3 || types[id] == 4 {
            added.append(
                AddedToken(id: Int32(id), content: Array(token.text.unicodeScalars), special: types[id] == 3))
        }
        return added
    }

    /// The token that a key names; `nil` where the file does not have the key.
    /// - Throws: `CheckpointError` where there is no such token.
    func number(_ name: String) throws(CheckpointError) -> Int32? {
        guard let id = try file.integer(Self.key(name)) else { return nil }
        guard tokens.indices.contains(id) else {
            throw CheckpointError(
                .malformed, file: file.path, "\(Self.key(name)) is \(id), outside the vocabulary")
        }
        return Int32(id)
    }

    /// What is put before and behind every text.
    /// - Parameter defaultBeginning: whether the beginning is put there where the file does not say.
    /// - Throws: `CheckpointError` where a key is malformed.
    func edges(defaultBeginning: Bool) throws(CheckpointError) -> (prefix: [Int32], suffix: [Int32]) {
        let (beginning, end) = (try number("bos_token_id"), try number("eos_token_id"))
        let addBeginning = try file.flag(Self.key("add_bos_token")) ?? defaultBeginning
        let addEnd = try file.flag(Self.key("add_eos_token")) ?? false
        return (addBeginning ? beginning.map { [$0] } ?? [] : [], addEnd ? end.map { [$0] } ?? [] : [])
    }
}
