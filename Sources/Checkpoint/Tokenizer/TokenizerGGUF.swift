import Tensors

extension Tokenizer {
    /// The tokenizer in a GGUF file's metadata.
    /// - Throws: `CheckpointError` naming the key that is missing or not supported.
    convenience init(gguf file: GGUFFile) throws(CheckpointError) {
        func value(_ key: String) -> GGUFValue? { file.metadata["tokenizer.ggml.\(key)"] }
        func malformed(_ fault: String) -> CheckpointError { CheckpointError(.malformed, file: file.path, fault) }
        guard let kind = value("model")?.string, let tokens = value("tokens")?.strings, tokens.count < Int(Int32.max)
        else {
            throw malformed("no tokenizer in this file")
        }
        let types = value("token_type")?.integers ?? Array(repeating: 1, count: tokens.count)
        guard types.count == tokens.count else {
            throw malformed("\(types.count) token types for \(tokens.count) tokens")
        }
        // Token types of the format: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte.
        var added: [AddedToken] = []
        for (id, token) in tokens.enumerated() where types[id] == 3 || types[id] == 4 {
            added.append(
                AddedToken(id: Int32(id), content: Array(token.text.unicodeScalars), special: types[id] == 3))
        }
        func number(_ key: String) throws(CheckpointError) -> Int32? {
            guard let id = value(key)?.int else { return nil }
            guard tokens.indices.contains(id) else {
                throw malformed("tokenizer.ggml.\(key) is \(id), outside the vocabulary")
            }
            return Int32(id)
        }
        let beginning = try number("bos_token_id")
        let spelling = beginning.map { tokens[Int($0)].text }
        let end = try number("eos_token_id")
        func edges(defaultBeginning: Bool) -> (prefix: [Int32], suffix: [Int32]) {
            let addBeginning = value("add_bos_token")?.boolean ?? defaultBeginning
            let addEnd = value("add_eos_token")?.boolean ?? false
            return (addBeginning ? beginning.map { [$0] } ?? [] : [], addEnd ? end.map { [$0] } ?? [] : [])
        }
        switch kind {
        case "gpt2":
            guard let merges = value("merges")?.strings else { throw malformed("no tokenizer.ggml.merges") }
            let style = try GGUFPreTokenizer(value("pre")?.string ?? "default", file: file.path)
            let (vocabulary, pieces) = Vocabularies.byteLevel(tokens.enumerated().map { ($1, Int32($0)) }, added: added)
            var model = BytePairModel(
                symbols: .bytes, vocabulary: vocabulary,
                merges: try Vocabularies.merges(merges, file: file.path) { token in
                    ByteAlphabet.decode(token).flatMap { vocabulary[ByteString($0)] }
                })
            model.ignoreMerges = style.ignoreMerges
            let edges = edges(defaultBeginning: style.addsBeginning)
            self.init(
                model: model, normalizers: style.normalizers, preTokenizers: style.steps, addedTokens: added,
                prefix: edges.prefix, suffix: edges.suffix, pieces: pieces, stripsLeadingSpace: false,
                beginningOfText: spelling)
        case "llama":
            guard let scores = value("scores")?.numbers, scores.count == tokens.count else {
                throw malformed("no tokenizer.ggml.scores, or not one a token")
            }
            var vocabulary: [ByteString: Int32] = [:]
            for (id, token) in tokens.enumerated() { vocabulary[token] = Int32(id) }
            var model = BytePairModel(
                symbols: .scalars(byteFallback: true), vocabulary: vocabulary,
                merges: Vocabularies.merges(tokens: tokens, scores: scores) {
                    types[$0] == 1 || types[$0] == 4 || types[$0] == 5
                })
            model.unknown = try number("unknown_token_id")
            model.fuseUnknown = true
            let space = value("add_space_prefix")?.boolean ?? true
            let edges = edges(defaultBeginning: true)
            self.init(
                model: model,
                normalizers: (space ? [.prepend([PreTokenizer.underscore])] : []) + [
                    .replace([" "], with: [PreTokenizer.underscore])
                ],
                preTokenizers: [], addedTokens: added, prefix: edges.prefix, suffix: edges.suffix,
                pieces: Vocabularies.sentencePieces(tokens.enumerated().map { ($1, Int32($0)) }, added: added),
                stripsLeadingSpace: space, beginningOfText: spelling)
        default:
            throw CheckpointError(
                .unsupported, file: file.path, "tokenizer model \(kind) is not supported (gpt2 and llama are)")
        }
    }
}

/// What a GGUF file's `tokenizer.ggml.pre` stands for.
struct GGUFPreTokenizer {
    var steps: [PreTokenizer]
    var normalizers: [Normalizer] = []
    var ignoreMerges = false
    var addsBeginning = false

    init(_ name: String, file: String) throws(CheckpointError) {
        switch name {
        case "gpt-2": steps = [.split(.gpt2)]
        case "smollm": steps = [.digits(individual: true), .split(.gpt2)]
        case "llama-bpe", "llama3", "llama-v3":
            steps = [.split(.modern(maximumDigits: 3))]
            ignoreMerges = true
            addsBeginning = true
        case "qwen2", "deepseek-r1-qwen":
            steps = [.split(.modern(maximumDigits: 1))]
            normalizers = [.nfc]
        default:
            throw CheckpointError(
                .unsupported, file: file,
                "tokenizer.ggml.pre \(name) is not supported (gpt-2, smollm, llama-bpe and qwen2 are)")
        }
    }
}
