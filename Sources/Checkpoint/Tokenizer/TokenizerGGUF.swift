import Tensors

extension Tokenizer {
    /// The tokenizer in a GGUF file's metadata.
    /// - Throws: `CheckpointError` naming the key that is missing or not supported.
    convenience init(gguf file: GGUFFile) throws(CheckpointError) {
        let entries = try GGUFVocabulary(file)
        let (tokens, added) = (entries.tokens, entries.added)
        let spelling = try entries.number("bos_token_id").map { tokens[Int($0)].text }
        // An end that is named wrongly is found here, whether it is added to texts or not.
        _ = try entries.number("eos_token_id")
        switch entries.kind {
        case "gpt2":
            let style = try GGUFPreTokenizer(try file.text(GGUFVocabulary.key("pre")) ?? "default", file: file.path)
            let model = try Self.bytePairs(file, tokens: tokens, ignoreMerges: style.ignoreMerges)
            let edges = try entries.edges(defaultBeginning: style.addsBeginning)
            self.init(
                model: model, normalizers: style.normalizers, preTokenizers: style.steps, addedTokens: added,
                prefix: edges.prefix, suffix: edges.suffix,
                spellings: Vocabularies.spellings(tokens.enumerated().map { ($1, Int32($0)) }, added: added),
                decoders: [.byteLevel], beginningOfText: spelling)
        case "llama":
            let model = try Self.sentencePiece(
                file, tokens: tokens, types: entries.types, unknown: try entries.number("unknown_token_id"))
            let space = try file.flag(GGUFVocabulary.key("add_space_prefix")) ?? true
            let edges = try entries.edges(defaultBeginning: true)
            let mark = Array(String(PreTokenizer.underscore).utf8)
            self.init(
                model: model,
                normalizers: (space ? [.prepend([PreTokenizer.underscore])] : []) + [
                    .replace([" "], with: [PreTokenizer.underscore])
                ],
                preTokenizers: [], addedTokens: added, prefix: edges.prefix, suffix: edges.suffix,
                spellings: Vocabularies.spellings(tokens.enumerated().map { ($1, Int32($0)) }, added: added),
                decoders: [.replace(mark, with: [0x20]), .byteFallback, .fuse]
                    + (space ? [.strip(mark: [0x20], count: 1)] : []),
                beginningOfText: spelling)
        default:
            throw CheckpointError(
                .unsupported, file: file.path, "tokenizer model \(entries.kind) is not supported (gpt2 and llama are)")
        }
    }

    /// The pairs of a `llama` tokenizer, from SentencePiece's scores.
    private static func sentencePiece(
        _ file: GGUFFile, tokens: [ByteString], types: [Int], unknown: Int32?
    ) throws(CheckpointError) -> BytePairModel {
        guard let scores = file.metadata["tokenizer.ggml.scores"]?.numbers, scores.count == tokens.count else {
            throw CheckpointError(.malformed, file: file.path, "no tokenizer.ggml.scores, or not one a token")
        }
        var vocabulary: [ByteString: Int32] = [:]
        for (id, token) in tokens.enumerated() { vocabulary[token] = Int32(id) }
        var model = BytePairModel(
            vocabulary: vocabulary,
            merges: Vocabularies.merges(tokens: tokens, scores: scores) {
                types[$0] == 1 || types[$0] == 4 || types[$0] == 5
            })
        model.byteFallback = true
        model.unknown = unknown
        model.fuseUnknown = true
        return model
    }

    /// The byte pairs of a `gpt2` tokenizer.
    private static func bytePairs(
        _ file: GGUFFile, tokens: [ByteString], ignoreMerges: Bool
    ) throws(CheckpointError) -> BytePairModel {
        guard let lines = try file.texts("tokenizer.ggml.merges") else {
            throw CheckpointError(.malformed, file: file.path, "no tokenizer.ggml.merges")
        }
        var vocabulary: [ByteString: Int32] = [:]
        vocabulary.reserveCapacity(tokens.count)
        for (id, token) in tokens.enumerated() { vocabulary[token] = Int32(id) }
        var pairs: [(left: ByteString, right: ByteString)] = []
        pairs.reserveCapacity(lines.count)
        for line in lines {
            guard let pair = Vocabularies.pair(line) else {
                throw CheckpointError(.malformed, file: file.path, "merge \(pairs.count) is no pair: \(line)")
            }
            pairs.append(pair)
        }
        var model = BytePairModel(
            vocabulary: vocabulary, merges: try Vocabularies.merges(pairs, vocabulary: vocabulary, file: file.path))
        model.ignoreMerges = ignoreMerges
        return model
    }
}

/// What a GGUF file's `tokenizer.ggml.pre` stands for.
struct GGUFPreTokenizer {
    var steps: [PreTokenizer]
    var normalizers: [Normalizer] = []
    var ignoreMerges = false
    var addsBeginning = false

    private static let bytes = PreTokenizer.byteLevel(prefixSpace: false, splits: false)

    init(_ name: String, file: String) throws(CheckpointError) {
        switch name {
        case "gpt-2": steps = [.split(.gpt2), Self.bytes]
        case "smollm": steps = [.digits(individual: true), .split(.gpt2), Self.bytes]
        case "llama-bpe", "llama3", "llama-v3":
            steps = [.split(.modern(maximumDigits: 3)), Self.bytes]
            ignoreMerges = true
            addsBeginning = true
        case "qwen2", "deepseek-r1-qwen":
            steps = [.split(.modern(maximumDigits: 1)), Self.bytes]
            normalizers = [.nfc]
        default:
            throw CheckpointError(
                .unsupported, file: file,
                "tokenizer.ggml.pre \(name) is not supported (gpt-2, smollm, llama-bpe and qwen2 are)")
        }
    }
}
