import Tensors

extension Tokenizer {
    /// The tokenizer as a `tokenizer.json`.
    /// - Parameters:
    ///   - tokens: the vocabulary as it is spelled in files, by number.
    ///   - merges: merges "left right" in order, where the checkpoint lists them.
    func json(tokens: [ByteString], merges: [ByteString]?) -> JSON {
        let isByteLevel = preTokenizers.contains(where: \.isByteLevel)
        let ordered =
            merges
            ?? model.merges.sorted { ($0.value.rank, $0.key) < ($1.value.rank, $1.key) }.map { pair, _ in
                ByteString(tokens[Int(pair >> 32)].bytes + [0x20] + tokens[Int(pair & 0xFFFF_FFFF)].bytes)
            }
        let modelJSON: [(String, JSON)] = [
            ("type", .text("BPE")), ("dropout", .null),
            ("unk_token", model.unknown.map { .string(tokens[Int($0)]) } ?? .null),
            ("continuing_subword_prefix", .null), ("end_of_word_suffix", .null), ("fuse_unk", .bool(model.fuseUnknown)),
            ("byte_fallback", .bool(model.byteFallback)),
            ("ignore_merges", .bool(model.ignoreMerges)),
            ("vocab", .object(tokens.enumerated().map { JSON.Member(key: $1, value: .integer($0)) })),
            ("merges", .array(ordered.map { .string($0) })),
        ]
        return object([
            ("version", .text("1.0")), ("truncation", .null), ("padding", .null),
            ("added_tokens", .array(addedTokens.map { addedJSON($0) })),
            ("normalizer", sequence("normalizers", normalizers.map { normalizerJSON($0) })),
            ("pre_tokenizer", sequence("pretokenizers", preTokenizerJSON(isByteLevel))),
            ("post_processor", postProcessorJSON(tokens)),
            ("decoder", isByteLevel ? byteLevelJSON : sentencePieceDecoder), ("model", object(modelJSON)),
        ])
    }

    private func object(_ pairs: [(String, JSON)]) -> JSON { .object(pairs.map { JSON.Member($0.0, $0.1) }) }

    private func sequence(_ key: String, _ steps: [JSON]) -> JSON {
        steps.isEmpty
            ? .null : steps.count == 1 ? steps[0] : object([("type", .text("Sequence")), (key, .array(steps))])
    }

    private func addedJSON(_ token: AddedToken) -> JSON {
        object([
            ("id", .integer(Int(token.id))), ("content", .text(text(of: token.content))),
            ("single_word", .bool(token.singleWord)), ("lstrip", .bool(token.stripsLeft)),
            ("rstrip", .bool(token.stripsRight)), ("normalized", .bool(token.normalized)),
            ("special", .bool(token.special)),
        ])
    }

    private func normalizerJSON(_ step: Normalizer) -> JSON {
        switch step {
        case .nfc: object([("type", .text("NFC"))])
        case .nfd: object([("type", .text("NFD"))])
        case .prepend(let prefix): object([("type", .text("Prepend")), ("prepend", .text(text(of: prefix)))])
        case .replace(let pattern, let replacement):
            object([
                ("type", .text("Replace")), ("pattern", object([("String", .text(text(of: pattern)))])),
                ("content", .text(text(of: replacement))),
            ])
        }
    }

    private func preTokenizerJSON(_ isByteLevel: Bool) -> [JSON] {
        var steps: [JSON] = []
        for step in preTokenizers {
            switch step {
            case .split(let pattern):
                steps.append(
                    object([
                        ("type", .text("Split")), ("pattern", object([("Regex", .text(pattern.regex))])),
                        ("behavior", .text("Isolated")), ("invert", .bool(false)),
                    ]))
            case .digits(let individual):
                steps.append(object([("type", .text("Digits")), ("individual_digits", .bool(individual))]))
            case .byteLevel, .metaspace: break
            }
        }
        return steps + (isByteLevel ? [byteLevelJSON] : [])
    }

    private var byteLevelJSON: JSON {
        object([
            ("type", .text("ByteLevel")), ("add_prefix_space", .bool(false)), ("trim_offsets", .bool(false)),
            ("use_regex", .bool(false)),
        ])
    }

    private var sentencePieceDecoder: JSON {
        let underscore = object([
            ("type", .text("Replace")), ("pattern", object([("String", .text("\u{2581}"))])), ("content", .text(" ")),
        ])
        var steps = [underscore, object([("type", .text("ByteFallback"))]), object([("type", .text("Fuse"))])]
        if decoders?.contains(.strip(mark: [0x20], count: 1)) == true {
            steps.append(
                object([
                    ("type", .text("Strip")), ("content", .text(" ")), ("start", .integer(1)), ("stop", .integer(0)),
                ]))
        }
        return object([("type", .text("Sequence")), ("decoders", .array(steps))])
    }

    private func postProcessorJSON(_ tokens: [ByteString]) -> JSON {
        guard !prefix.isEmpty || !suffix.isEmpty else { return .null }
        func special(_ id: Int32, _ type: Int) -> JSON {
            object([("SpecialToken", object([("id", .string(tokens[Int(id)])), ("type_id", .integer(type))]))])
        }
        func sequence(_ name: String, _ type: Int) -> JSON {
            object([("Sequence", object([("id", .text(name)), ("type_id", .integer(type))]))])
        }
        func around(_ name: String, _ type: Int) -> [JSON] {
            prefix.map { special($0, type) } + [sequence(name, type)] + suffix.map { special($0, type) }
        }
        let table = Set(prefix + suffix).sorted().map { id in
            JSON.Member(
                key: tokens[Int(id)],
                value: object([
                    ("id", .string(tokens[Int(id)])), ("ids", .array([.integer(Int(id))])),
                    ("tokens", .array([.string(tokens[Int(id)])])),
                ]))
        }
        return object([
            ("type", .text("TemplateProcessing")), ("single", .array(around("A", 0))),
            ("pair", .array(around("A", 0) + around("B", 1))), ("special_tokens", .object(table)),
        ])
    }
}
