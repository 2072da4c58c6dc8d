import Tensors

extension Tokenizer {
    /// The tokenizer in a `tokenizer.json`, as the `tokenizers` library writes it.
    /// - Parameter beginningOfText: `bos_token` of `tokenizer_config.json`.
    /// - Throws: `CheckpointError` naming the part that is missing or not supported.
    convenience init(json: JSON, file: String, beginningOfText: String?) throws(CheckpointError) {
        let parser = TokenizerJSON(json: json, file: file)
        let added = try parser.addedTokens()
        let preTokenizers = try parser.preTokenizers(json["pre_tokenizer"])
        let model = json["model"] ?? .null
        guard model["type"]?.string ?? "BPE" == "BPE" else {
            throw parser.unsupported("tokenizer model \(model["type"]?.string ?? "") is not supported (BPE is)")
        }
        for key in ["dropout", "continuing_subword_prefix", "end_of_word_suffix"] {
            if let value = model[key], !value.isNull, value != .text(""), value.double != 0 {
                throw parser.unsupported("tokenizer model: \(key) is not supported")
            }
        }
        let tokens = try parser.vocabulary(model)
        let isByteLevel = preTokenizers.contains { if case .byteLevel = $0 { true } else { false } }
        let tables: (vocabulary: [ByteString: Int32], pieces: [[UInt8]?])
        if isByteLevel {
            tables = Vocabularies.byteLevel(tokens, added: added)
        } else {
            tables = (
                Dictionary(tokens) { first, _ in first }, Vocabularies.sentencePieces(tokens, added: added)
            )
        }
        let merges = try Vocabularies.merges(try parser.merges(model), file: file) { token in
            isByteLevel
                ? ByteAlphabet.decode(token).flatMap { tables.vocabulary[ByteString($0)] }
                : tables.vocabulary[ByteString(token)]
        }
        var pairs = BytePairModel(
            symbols: isByteLevel ? .bytes : .scalars(byteFallback: model["byte_fallback"]?.boolean ?? false),
            vocabulary: tables.vocabulary, merges: merges)
        pairs.ignoreMerges = model["ignore_merges"]?.boolean ?? false
        pairs.unknown = model["unk_token"]?.byteString.flatMap { tables.vocabulary[$0] }
        pairs.fuseUnknown = model["fuse_unk"]?.boolean ?? false
        let edges = try parser.edges(json["post_processor"])
        self.init(
            model: pairs, normalizers: try parser.normalizers(json["normalizer"]), preTokenizers: preTokenizers,
            addedTokens: added, prefix: edges.prefix, suffix: edges.suffix, pieces: tables.pieces,
            stripsLeadingSpace: parser.stripsLeadingSpace(json["decoder"]), beginningOfText: beginningOfText)
    }
}

/// Reads the parts of a `tokenizer.json`.
struct TokenizerJSON {
    let json: JSON
    let file: String

    func unsupported(_ fault: String) -> CheckpointError { CheckpointError(.unsupported, file: file, fault) }
    func malformed(_ fault: String) -> CheckpointError { CheckpointError(.malformed, file: file, fault) }

    private func id(_ value: JSON?, of token: String) throws(CheckpointError) -> Int32 {
        // The limit keeps a lying number from asking for a table of that size.
        guard let id = value?.int, id >= 0, id < 1 << 26 else { throw malformed("token \(token) has no number") }
        return Int32(id)
    }

    func addedTokens() throws(CheckpointError) -> [AddedToken] {
        var result: [AddedToken] = []
        for token in json["added_tokens"]?.elements ?? [] {
            guard let content = token["content"]?.string else { throw malformed("an added token without content") }
            func flag(_ key: String) -> Bool { token[key]?.boolean ?? false }
            result.append(
                AddedToken(
                    id: try id(token["id"], of: content), content: Array(content.unicodeScalars),
                    special: flag("special"),
                    singleWord: flag("single_word"), stripsLeft: flag("lstrip"), stripsRight: flag("rstrip"),
                    normalized: flag("normalized")))
        }
        return result
    }

    func vocabulary(_ model: JSON) throws(CheckpointError) -> [(ByteString, Int32)] {
        guard let members = model["vocab"]?.members else { throw malformed("tokenizer model without vocabulary") }
        var result: [(ByteString, Int32)] = []
        result.reserveCapacity(members.count)
        for member in members { result.append((member.key, try id(member.value, of: member.key.text))) }
        return result
    }

    /// Merges as "left right": older files write them so, newer ones as pairs.
    func merges(_ model: JSON) throws(CheckpointError) -> [ByteString] {
        var result: [ByteString] = []
        for merge in model["merges"]?.elements ?? [] {
            if let line = merge.byteString {
                result.append(line)
            } else if let pair = merge.elements, pair.count == 2, let left = pair[0].byteString,
                let right = pair[1].byteString
            {
                result.append(ByteString(left.bytes + [0x20] + right.bytes))
            } else {
                throw malformed("merge \(result.count) is no pair")
            }
        }
        return result
    }

    func normalizers(_ value: JSON?) throws(CheckpointError) -> [Normalizer] {
        guard let value, !value.isNull else { return [] }
        switch value["type"]?.string ?? "" {
        case "Sequence":
            var steps: [Normalizer] = []
            for step in value["normalizers"]?.elements ?? [] { steps += try normalizers(step) }
            return steps
        case "NFC": return [.nfc]
        case "Prepend": return [.prepend(Array((value["prepend"]?.string ?? "").unicodeScalars))]
        case "Replace":
            guard let pattern = value["pattern"]?["String"]?.string, !pattern.isEmpty,
                let content = value["content"]?.string
            else {
                throw unsupported("normalizer Replace with a regular expression is not supported")
            }
            return [.replace(Array(pattern.unicodeScalars), with: Array(content.unicodeScalars))]
        case let type: throw unsupported("normalizer \(type) is not supported")
        }
    }

    func preTokenizers(_ value: JSON?) throws(CheckpointError) -> [PreTokenizer] {
        guard let value, !value.isNull else { return [] }
        switch value["type"]?.string ?? "" {
        case "Sequence":
            var steps: [PreTokenizer] = []
            for step in value["pretokenizers"]?.elements ?? [] { steps += try preTokenizers(step) }
            return steps
        case "ByteLevel":
            let bytes = PreTokenizer.byteLevel(prefixSpace: value["add_prefix_space"]?.boolean ?? true)
            return value["use_regex"]?.boolean ?? true ? [bytes, .split(.gpt2)] : [bytes]
        case "Digits": return [.digits(individual: value["individual_digits"]?.boolean ?? false)]
        case "Split":
            let regex = value["pattern"]?["Regex"]?.string ?? ""
            let keepsAll = (value["behavior"]?.string, value["invert"]?.boolean ?? false)
            guard let pattern = SplitPattern(regex: regex),
                keepsAll == ("Isolated", false) || keepsAll == ("Removed", true)
            else {
                throw unsupported(
                    "pre-tokenizer Split by \(value["pattern"]?.encodedText ?? "nothing") is not supported")
            }
            return [.split(pattern)]
        case "Metaspace":
            guard
                value["replacement"]?.string.map({ Array($0.unicodeScalars) }) ?? [PreTokenizer.underscore] == [
                    PreTokenizer.underscore
                ]
            else {
                throw unsupported("pre-tokenizer Metaspace with another mark than U+2581 is not supported")
            }
            let legacy = value["add_prefix_space"]?.boolean ?? true
            let prefix: PreTokenizer.PrefixScheme
            switch value["prepend_scheme"]?.string {
            case "first": prefix = .first
            case "never": prefix = .never
            case "always": prefix = .always
            default: prefix = legacy ? .always : .never
            }
            return [.metaspace(prefix: prefix, split: value["split"]?.boolean ?? true)]
        case let type: throw unsupported("pre-tokenizer \(type) is not supported")
        }
    }

    /// Tokens that the post-processor puts before and after a single text.
    func edges(_ value: JSON?) throws(CheckpointError) -> (prefix: [Int32], suffix: [Int32]) {
        guard let value, !value.isNull else { return ([], []) }
        switch value["type"]?.string ?? "" {
        case "ByteLevel": return ([], [])
        case "Sequence":
            var result: (prefix: [Int32], suffix: [Int32]) = ([], [])
            for step in value["processors"]?.elements ?? [] {
                let inner = try edges(step)
                result = (inner.prefix + result.prefix, result.suffix + inner.suffix)
            }
            return result
        case "TemplateProcessing":
            var result: (prefix: [Int32], suffix: [Int32]) = ([], [])
            var isBefore = true
            for part in value["single"]?.elements ?? [] {
                guard let name = part["SpecialToken"]?["id"]?.string else {
                    isBefore = false
                    continue
                }
                for number in value["special_tokens"]?[name]?["ids"]?.elements ?? [] {
                    let id = try id(number, of: name)
                    if isBefore { result.prefix.append(id) } else { result.suffix.append(id) }
                }
            }
            return result
        case let type: throw unsupported("post-processor \(type) is not supported")
        }
    }

    func stripsLeadingSpace(_ decoder: JSON?) -> Bool {
        switch decoder?["type"]?.string {
        case "Sequence": decoder?["decoders"]?.elements?.contains { stripsLeadingSpace($0) } ?? false
        case "Strip": decoder?["content"]?.string == " " && (decoder?["start"]?.int ?? 0) > 0
        case "Metaspace": decoder?["prepend_scheme"]?.string ?? "always" != "never"
        default: false
        }
    }
}

extension JSON {
    var encodedText: String { String(decoding: encoded(), as: UTF8.self) }
}
