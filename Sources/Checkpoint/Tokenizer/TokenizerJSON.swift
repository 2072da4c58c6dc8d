import Tensors

extension Tokenizer {
    /// The tokenizer in a `tokenizer.json`, as the `tokenizers` library writes it. Truncation and padding are left out:
    /// transformers switches them off for every text unless asked.
    /// - Parameter special: what the folder's other files add.
    /// - Throws: `CheckpointError` naming the part that is missing or not supported.
    convenience init(json: JSON, file: String, special: SpecialTokens) throws(CheckpointError) {
        let parser = TokenizerJSON(fields: Fields(json: json, file: file))
        let fields = parser.fields
        if let version = try fields.text("version"), version != "1.0" {
            throw fields.unsupported("tokenizer version \(version) is not supported (1.0 is)")
        }
        let steps = try parser.preTokenizers(try fields.object("pre_tokenizer", nullable: true))
        guard let model = try fields.object("model") else { throw fields.malformed("no model") }
        let tokens = try parser.vocabulary(model)
        let vocabulary = Dictionary(uniqueKeysWithValues: tokens)
        let listed = try parser.addedTokens()
        let added = try special.adding(to: listed, vocabulary: vocabulary, file: file)
        var pairs = BytePairModel(
            vocabulary: vocabulary,
            merges: try Vocabularies.merges(try parser.merges(model), vocabulary: vocabulary, file: file))
        pairs.byteFallback = try model.flag("byte_fallback", nullable: true) ?? false
        pairs.ignoreMerges = try model.flag("ignore_merges", nullable: true) ?? false
        pairs.fuseUnknown = try model.flag("fuse_unk", nullable: true) ?? false
        pairs.unknown = try parser.unknown(model, vocabulary: vocabulary, steps: steps)
        let edges = try parser.edges(try fields.object("post_processor", nullable: true))
        let normalizers = try parser.normalizers(try fields.object("normalizer", nullable: true))
        try parser.checkNormalized(added, normalizers)
        try parser.checkStart(steps, normalizers)
        self.init(
            model: pairs, normalizers: normalizers,
            preTokenizers: steps, addedTokens: added, prefix: edges.prefix, suffix: edges.suffix,
            spellings: Vocabularies.spellings(tokens, added: added, normalizers: normalizers),
            decoders: try fields.object("decoder", nullable: true).map { decoder throws(CheckpointError) in
                try parser.decoders(decoder)
            },
            beginningOfText: special.spelling("bos_token"))
    }
}

/// Reads the parts of a `tokenizer.json`.
struct TokenizerJSON {
    let fields: Fields

    private func malformed(_ fault: String) -> CheckpointError { fields.malformed(fault) }

    func id(_ value: JSON?, of token: String) throws(CheckpointError) -> Int32 {
        // The limit keeps a lying number from asking for a table of that size.
        guard case .integer(let id)? = value, id >= 0, id < 1 << 26 else {
            throw malformed("token \(token) has no number")
        }
        return Int32(id)
    }

    func addedTokens() throws(CheckpointError) -> [AddedToken] {
        var result: [AddedToken] = []
        for token in try fields.list("added_tokens", nullable: true) ?? [] {
            let entry = Fields(json: token, file: fields.file, place: "added token: ")
            guard let content = try entry.text("content") else { throw malformed("an added token without content") }
            let named = Fields(json: token, file: fields.file, place: "added token \(content): ")
            result.append(
                AddedToken(
                    id: try id(token["id"], of: content), content: Array(content.unicodeScalars),
                    special: try named.flag("special") ?? false, singleWord: try named.flag("single_word") ?? false,
                    stripsLeft: try named.flag("lstrip") ?? false, stripsRight: try named.flag("rstrip") ?? false,
                    normalized: try named.flag("normalized") ?? false))
        }
        return result
    }

    /// - Throws: where two tokens that are matched in normalised text are the same there: which counts is chance.
    func checkNormalized(_ tokens: [AddedToken], _ normalizers: [Normalizer]) throws(CheckpointError) {
        var seen: [[Unicode.Scalar]: AddedToken] = [:]
        for token in tokens where token.normalized {
            let content = normalizers.reduce(token.content) { $1.apply($0) }
            if let other = seen.updateValue(token, forKey: content) {
                throw fields.unsupported(
                    "added tokens \(text(of: other.content)) and \(text(of: token.content)) are normalised to the same text"
                )
            }
        }
    }

    /// Metaspace's "first" goes by places in the text before normalisation, which are kept here only where each scalar
    /// stays one.
    func checkStart(_ steps: [PreTokenizer], _ normalizers: [Normalizer]) throws(CheckpointError) {
        let asks = steps.contains { if case .metaspace(.first, _) = $0 { true } else { false } }
        let keeps = normalizers.allSatisfy {
            if case .replace(let old, let new) = $0 { old.count == 1 && new.count == 1 } else { false }
        }
        guard !asks || keeps else {
            throw fields.unsupported("Metaspace with prepend_scheme first after such a normalizer is not supported")
        }
    }

    /// - Throws: where a token or a number comes twice: which of them counts would be chance.
    func vocabulary(_ model: Fields) throws(CheckpointError) -> [(ByteString, Int32)] {
        let type = try model.text("type") ?? "BPE"
        guard type == "BPE" else {
            throw fields.unsupported("tokenizer model \(type) is not supported (BPE is)")
        }
        for key in ["dropout", "continuing_subword_prefix", "end_of_word_suffix"] {
            if let value = model.filled(key), value != .text(""), value.double != 0 {
                throw fields.unsupported("tokenizer model: \(key) is not supported")
            }
        }
        guard let members = model.json["vocab"]?.members else { throw malformed("tokenizer model without vocabulary") }
        var result: [(ByteString, Int32)] = []
        result.reserveCapacity(members.count)
        var names: Set<ByteString> = []
        var numbers: Set<Int32> = []
        for member in members {
            let number = try id(member.value, of: member.key.text)
            guard names.insert(member.key).inserted else { throw malformed("token \(member.key.text) appears twice") }
            guard numbers.insert(number).inserted else { throw malformed("two tokens have the number \(number)") }
            result.append((member.key, number))
        }
        return result
    }

    /// Merges: older files write them "left right", newer ones as pairs, whose parts may hold spaces.
    func merges(_ model: Fields) throws(CheckpointError) -> [(left: ByteString, right: ByteString)] {
        var result: [(left: ByteString, right: ByteString)] = []
        for merge in try model.list("merges") ?? [] {
            if let pair = merge.byteString.flatMap(Vocabularies.pair) {
                result.append(pair)
            } else if let pair = merge.elements, pair.count == 2, let left = pair[0].byteString,
                let right = pair[1].byteString
            {
                result.append((left, right))
            } else {
                throw malformed("merge \(result.count) is no pair")
            }
        }
        return result
    }

    /// The unknown token. Byte-level words need none where every byte is a token.
    func unknown(
        _ model: Fields, vocabulary: [ByteString: Int32], steps: [PreTokenizer]
    ) throws(CheckpointError) -> Int32? {
        guard let name = try model.text("unk_token", nullable: true) else { return nil }
        if let id = vocabulary[ByteString(name)] { return id }
        guard steps.last(where: \.changesScalars)?.isByteLevel == true,
            ByteAlphabet.scalars.allSatisfy({ vocabulary[ByteString(String($0))] != nil })
        else { throw malformed("the unknown token \(name) is not in the vocabulary") }
        return nil
    }
}

extension PreTokenizer {
    var isByteLevel: Bool { if case .byteLevel = self { true } else { false } }
    var changesScalars: Bool { if case .metaspace = self { true } else { isByteLevel } }
}

extension JSON {
    var encodedText: String { String(decoding: encoded(), as: UTF8.self) }
}
