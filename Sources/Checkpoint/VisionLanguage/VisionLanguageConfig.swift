import Tensors

/// The configuration of the language model in a vision-language checkpoint, as a model of text alone would have it.
///
/// transformers nests it in `text_config`. Qwen2-VL's and Qwen2.5-VL's published files have its keys at the top.
struct VisionLanguageConfig {
    let family: VisionLanguageFamily
    /// What `config.json` of the language model alone would be, but for `architectures`.
    private(set) var text: JSON
    private let file: String
    /// Where the keys stand, for messages.
    private let place: String

    /// - Returns: `nil` where `config.json` is of no kind that has a language model inside.
    /// - Throws: `CheckpointError` where it has, and that is not computed, or it is malformed.
    init?(json: JSON, file: String) throws(CheckpointError) {
        let top = Fields(json: json, file: file)
        guard let type = json["model_type"]?.string else { return nil }
        guard let family = VisionLanguageFamily(rawValue: type) else {
            guard ModelConfig.Architecture(rawValue: type) == nil, json["text_config"]?.members != nil else {
                return nil
            }
            throw Self.unknown(type, top)
        }
        self.family = family
        self.file = file
        _ = try top.checkedForDoubles()
        try ConfigKeys.checkClass(top, accepted: family.classes)
        try ConfigKeys.checkWhole(top)
        let nested = try top.object("text_config", nullable: true)
        guard let source = nested ?? (family.isFlat ? top : nil) else { throw top.malformed("text_config is missing") }
        place = source.place
        text = .object([])
        text = try plain(source, top: top)
    }

    /// Reads the configuration as that of a model of text alone.
    func config() throws(CheckpointError) -> ModelConfig {
        try HuggingFaceConfig(json: text, file: file, place: place).config()
    }

    private static func unknown(_ type: String, _ top: Fields) -> CheckpointError {
        if type == "mllama" {
            return top.unsupported(
                "model_type mllama is not supported: layers of its decoder attend to images (cross-attention)")
        }
        let known = VisionLanguageFamily.allCases.map(\.rawValue).joined(separator: ", ")
        return top.unsupported("model_type \(type) is not supported (of models with a text_config, \(known) are)")
    }

    /// The language model's keys with what they leave open, in the spelling of its decoder's own architecture.
    private func plain(_ source: Fields, top: Fields) throws(CheckpointError) -> JSON {
        let architecture = try architecture(source, isNested: source.place != top.place)
        try checkDecoder(source, architecture)
        var text = Members(source.json.members ?? [])
        // The class that a nested configuration names is a note: transformers does not look at it there.
        for key in ["architectures", "vision_config", "text_config", "_name_or_path"] { text.remove(key) }
        text.set("model_type", .text(architecture.rawValue))
        for member in family.defaults where text[member.key.text] == nil { text.set(member.key.text, member.value) }
        for key in ["rope_scaling", "rope_parameters"] {
            if family.hasThreePositions, let settings = text[key], settings.members != nil {
                text.set(key, try rope(settings, source))
            }
        }
        let hasTheta = ["rope_parameters", "rope_scaling"].contains { text[$0]?["rope_theta"] != nil }
        if text["rope_theta"] == nil, !hasTheta, let theta = family.absentRopeTheta {
            text.set("rope_theta", .number(theta))
        }
        // Numbers at the top go first (`GenerationConfig.from_model_config`).
        for key in ["bos_token_id", "eos_token_id", "pad_token_id"] {
            if let value = top.filled(key) { text.set(key, value) }
        }
        text.set("tie_word_embeddings", .bool(try isTied(source, top)))
        return .object(text.list)
    }

    private func architecture(
        _ source: Fields, isNested: Bool
    ) throws(CheckpointError) -> ModelConfig.Architecture {
        // At the top stands the type of the whole.
        guard isNested, let type = try source.text("model_type", nullable: true) else { return family.absentDecoder }
        if let own = family.ownDecoder {
            guard own.names.contains(type) else {
                throw source.unsupported(
                    "model_type \(type) is not supported in a \(family.rawValue) model (\(own.names[0]) is)")
            }
            return own.architecture
        }
        guard let architecture = ModelConfig.Architecture(rawValue: type) else {
            throw source.unsupported(
                "model_type \(type) is not supported (llama, mistral, qwen2 and qwen3 are)")
        }
        return architecture
    }

    /// Where a family's own decoder would differ from its architecture's.
    private func checkDecoder(
        _ source: Fields, _ architecture: ModelConfig.Architecture
    ) throws(CheckpointError) {
        switch family {
        case .qwen2VL, .qwen25VL:
            // Attention divides the width by the heads, rotary embedding would take this number.
            let (hidden, heads) = (
                try source.int("hidden_size") ?? 8192, try source.int("num_attention_heads") ?? 64
            )
            if let size = try source.int("head_dim", nullable: true), size * heads != hidden {
                throw source.unsupported("head_dim \(size) is not hidden_size / num_attention_heads")
            }
        case .qwen3VL:
            if try source.flag("use_sliding_window", nullable: true) == true {
                throw source.unsupported("use_sliding_window is set, which a qwen3_vl model does not have")
            }
            let settings = [source.json["rope_parameters"], source.json["rope_scaling"]]
            guard source.json["rope_theta"] != nil || settings.contains(where: { $0?["rope_theta"] != nil }) else {
                throw source.malformed("rope_theta is missing, and this program does not guess it")
            }
        default: break
        }
    }

    /// Rotary settings without the division of heads among the three positions, which are equal for text.
    private func rope(_ settings: JSON, _ source: Fields) throws(CheckpointError) -> JSON {
        for part in settings["mrope_section"]?.elements ?? [] {
            guard case .integer = part else { throw source.malformed("mrope_section holds more than whole numbers") }
        }
        var members = Members(settings.members ?? [])
        for key in ["mrope_section", "mrope_interleaved"] { members.remove(key) }
        for key in ["rope_type", "type"] where members[key]?.string == "mrope" { members.set(key, .text("default")) }
        return .object(members.list)
    }

    /// Whether the head is the embedding, as far as `config.json` says: transformers 4 asks `text_config`, 5 the top.
    /// What the files hold decides then (`TiedHead`).
    private func isTied(_ source: Fields, _ top: Fields) throws(CheckpointError) -> Bool {
        let key = "tie_word_embeddings"
        let said = [try top.flag(key, nullable: true), try source.flag(key, nullable: true)]
        if said.contains(true) { return true }
        return said.contains(false) ? false : family.isTiedIfAbsent
    }
}

/// Members of a JSON object, to be changed. Of a key that stands twice all go.
private struct Members {
    private(set) var list: [JSON.Member]

    init(_ list: [JSON.Member]) { self.list = list }

    subscript(key: String) -> JSON? { JSON.object(list)[key] }

    mutating func remove(_ key: String) { list.removeAll { $0.key == ByteString(key) } }

    mutating func set(_ key: String, _ value: JSON) {
        if let index = list.firstIndex(where: { $0.key == ByteString(key) }) {
            list[index].value = value
        } else {
            list.append(JSON.Member(key, value))
        }
    }
}
