import Tensors

/// The steps of a `tokenizer.json`: each as `tokenizers` does it, or refused by name.
extension TokenizerJSON {
    /// The step's kind, and the steps of a `Sequence`.
    private func kind(_ value: Fields) throws(CheckpointError) -> String { try value.text("type") ?? "" }

    private func inner(_ value: Fields, _ key: String) throws(CheckpointError) -> [Fields] {
        var result: [Fields] = []
        for step in try value.list(key) ?? [] {
            guard step.members != nil else { throw fields.malformed("\(key) holds more than objects") }
            result.append(Fields(json: step, file: fields.file, place: value.place))
        }
        return result
    }

    func normalizers(_ value: Fields?) throws(CheckpointError) -> [Normalizer] {
        guard let value else { return [] }
        switch try kind(value) {
        case "Sequence":
            var steps: [Normalizer] = []
            for step in try inner(value, "normalizers") { steps += try normalizers(step) }
            return steps
        case "NFC": return [.nfc]
        case "NFD": return [.nfd]
        case "Prepend": return [.prepend(Array(try value.required(text: "prepend").unicodeScalars))]
        case "Replace":
            let (pattern, content) = try replacement(value, "normalizer")
            return [.replace(Array(pattern.unicodeScalars), with: Array(content.unicodeScalars))]
        case let type: throw fields.unsupported("normalizer \(type) is not supported")
        }
    }

    private func replacement(
        _ value: Fields, _ part: String
    ) throws(CheckpointError) -> (pattern: String, content: String) {
        guard let pattern = value.json["pattern"]?["String"]?.string, !pattern.isEmpty else {
            throw fields.unsupported("\(part) Replace with a regular expression is not supported")
        }
        return (pattern, try value.required(text: "content"))
    }

    func preTokenizers(_ value: Fields?) throws(CheckpointError) -> [PreTokenizer] {
        guard let value else { return [] }
        switch try kind(value) {
        case "Sequence":
            var steps: [PreTokenizer] = []
            for step in try inner(value, "pretokenizers") { steps += try preTokenizers(step) }
            return steps
        case "ByteLevel":
            return [
                .byteLevel(
                    prefixSpace: try value.flag("add_prefix_space") ?? true, splits: try value.flag("use_regex") ?? true
                )
            ]
        case "Digits": return [.digits(individual: try value.required(flag: "individual_digits"))]
        case "Split":
            let behavior = (try value.required(text: "behavior"), try value.flag("invert") ?? false)
            guard let pattern = value.json["pattern"]?["Regex"]?.string.flatMap({ SplitPattern(regex: $0) }),
                behavior == ("Isolated", false) || behavior == ("Removed", true)
            else {
                throw fields.unsupported(
                    "pre-tokenizer Split by \(value.json["pattern"]?.encodedText ?? "nothing") "
                        + "(\(behavior.0)\(behavior.1 ? ", inverted" : "")) is not supported")
            }
            return [.split(pattern)]
        case "Metaspace":
            return [.metaspace(prefix: try prefixScheme(value), split: try value.flag("split", nullable: true) ?? true)]
        case let type: throw fields.unsupported("pre-tokenizer \(type) is not supported")
        }
    }

    private func prefixScheme(_ value: Fields) throws(CheckpointError) -> PreTokenizer.PrefixScheme {
        let mark = try value.required(text: "replacement")
        guard Array(mark.unicodeScalars) == [PreTokenizer.underscore] else {
            throw fields.unsupported("Metaspace with another mark than U+2581 is not supported")
        }
        let scheme = try value.text("prepend_scheme", nullable: true) ?? "always"
        if try value.flag("add_prefix_space", nullable: true) == false, scheme != "never" {
            throw fields.malformed("Metaspace: add_prefix_space false contradicts prepend_scheme \(scheme)")
        }
        switch scheme {
        case "first": return .first
        case "never": return .never
        case "always": return .always
        default: throw fields.malformed("Metaspace: prepend_scheme \(scheme) (first, never or always)")
        }
    }

    /// Tokens that the post-processor puts before and after a single text.
    func edges(_ value: Fields?) throws(CheckpointError) -> (prefix: [Int32], suffix: [Int32]) {
        guard let value else { return ([], []) }
        switch try kind(value) {
        case "ByteLevel": return ([], [])
        case "Sequence":
            var result: (prefix: [Int32], suffix: [Int32]) = ([], [])
            var adding = 0
            for step in try inner(value, "processors") where try kind(step) != "ByteLevel" {
                result = try edges(step)
                adding += 1
            }
            guard adding < 2 else {
                throw fields.unsupported("post-processor: a sequence of two that add tokens is not supported")
            }
            return result
        case "BertProcessing", "RobertaProcessing":
            return (
                [try id(value.json["cls"]?.elements?.last, of: "cls")],
                [try id(value.json["sep"]?.elements?.last, of: "sep")]
            )
        case "TemplateProcessing": return try template(value)
        case let type: throw fields.unsupported("post-processor \(type) is not supported")
        }
    }

    private func template(_ value: Fields) throws(CheckpointError) -> (prefix: [Int32], suffix: [Int32]) {
        var result: (prefix: [Int32], suffix: [Int32]) = ([], [])
        var texts = 0
        for part in try value.list("single") ?? [] {
            guard let name = part["SpecialToken"]?["id"]?.string else {
                guard part["Sequence"]?["id"]?.string == "A" else {
                    throw fields.unsupported("post-processor: \(part.encodedText) in a template for one text")
                }
                texts += 1
                continue
            }
            guard let numbers = value.json["special_tokens"]?[name]?["ids"]?.elements else {
                throw fields.malformed("post-processor: \(name) is not among its special_tokens")
            }
            for number in numbers {
                let id = try id(number, of: name)
                if texts == 0 { result.prefix.append(id) } else { result.suffix.append(id) }
            }
        }
        guard texts == 1 else {
            throw fields.unsupported("post-processor: a template that holds the text \(texts) times")
        }
        return result
    }

    func decoders(_ value: Fields) throws(CheckpointError) -> [TokenDecoder] {
        switch try kind(value) {
        case "Sequence":
            var steps: [TokenDecoder] = []
            for step in try inner(value, "decoders") { steps += try decoders(step) }
            return steps
        case "ByteLevel": return [.byteLevel]
        case "ByteFallback": return [.byteFallback]
        case "Fuse": return [.fuse]
        case "Replace":
            let (pattern, content) = try replacement(value, "decoder")
            return [.replace(Array(pattern.utf8), with: Array(content.utf8))]
        case "Strip":
            let (mark, count) = (try value.required(text: "content"), try value.int("start") ?? 0)
            guard try value.int("stop") ?? 0 == 0, count >= 0, mark.unicodeScalars.count == 1 else {
                throw fields.unsupported("decoder Strip at the end of a token is not supported")
            }
            return [.strip(mark: Array(mark.utf8), count: count)]
        case "Metaspace":
            return [
                .metaspace(
                    mark: Array(String(PreTokenizer.underscore).utf8), dropsFirst: try prefixScheme(value) != .never)
            ]
        case let type: throw fields.unsupported("decoder \(type) is not supported")
        }
    }
}
