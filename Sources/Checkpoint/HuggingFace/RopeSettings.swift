import Tensors

/// Rotary settings of a `config.json`: `rope_parameters` (transformers 5), or `rope_theta` and `rope_scaling` (4). Two
/// spellings of one setting have to agree.
struct RopeSettings {
    let theta: Double
    let scaling: ModelConfig.RopeScaling

    init(_ config: Fields, maxPositions: Int) throws(CheckpointError) {
        let settings = try Self.settings(config)
        for source in [config, settings] {
            if let factor = try source.number("partial_rotary_factor", nullable: true), factor != 1 {
                throw config.unsupported("partial_rotary_factor \(factor) is not supported")
            }
        }
        let outer = try config.number("rope_theta")
        let inner = try settings.number("rope_theta")
        if let outer, let inner, outer != inner {
            throw config.malformed("rope_theta is \(outer) and, in the rope settings, \(inner)")
        }
        theta = inner ?? outer ?? 10_000
        let original = try Self.original(config, settings) ?? maxPositions
        scaling = try RopeScalingReader(settings: settings).scaling(original: original)
    }

    /// The object of settings; empty where there is none.
    private static func settings(_ config: Fields) throws(CheckpointError) -> Fields {
        let place = "rope settings: "
        let found = [
            try config.object("rope_scaling", nullable: true), try config.object("rope_parameters", nullable: true),
        ].compactMap { $0 }.filter { $0.json.members?.isEmpty == false }
        if found.count == 2, found[0].json != found[1].json {
            throw config.malformed("rope_scaling contradicts rope_parameters")
        }
        let settings = Fields(json: found.first?.json ?? .object([]), file: config.file, place: place)
        for member in settings.json.members ?? []
        where !known.contains(member.key.text) && !member.value.isNull {
            throw settings.unsupported("\(member.key.text) is set, and this program does not compute it")
        }
        return settings
    }

    /// Trained positions before scaling: a number of its own beside the settings, as Phi-3 has it, or one of them.
    private static func original(_ config: Fields, _ settings: Fields) throws(CheckpointError) -> Int? {
        var found: [Int] = []
        for source in [config, settings] {
            guard let number = try source.number("original_max_position_embeddings", nullable: true) else { continue }
            guard let value = Int(exactly: number), value > 0 else {
                throw source.malformed("original_max_position_embeddings is \(number)")
            }
            found.append(value)
        }
        guard Set(found).count < 2 else {
            throw config.malformed(
                "original_max_position_embeddings is \(found[0]) and, in the rope settings, \(found[1])")
        }
        return found.first
    }

    /// The settings of all types; transformers leaves those of other types than the one named unread. `finetuned` is a
    /// note.
    private static let known: Set<String> = [
        "rope_type", "type", "rope_theta", "factor", "original_max_position_embeddings", "partial_rotary_factor",
        "low_freq_factor", "high_freq_factor", "attention_factor", "beta_fast", "beta_slow", "mscale",
        "mscale_all_dim", "truncate", "short_factor", "long_factor", "finetuned",
    ]
}

/// The scaling that rotary settings describe.
private struct RopeScalingReader {
    let settings: Fields

    private func number(_ key: String) throws(CheckpointError) -> Double? { try settings.number(key, nullable: true) }

    private func required(_ key: String) throws(CheckpointError) -> Double {
        guard let value = try number(key), value > 0 else {
            throw settings.malformed("\(key) is missing or not positive")
        }
        return value
    }

    func scaling(original: Int) throws(CheckpointError) -> ModelConfig.RopeScaling {
        let names = [try settings.text("rope_type"), try settings.text("type")].compactMap { $0 }
        guard Set(names).count < 2 else {
            throw settings.malformed("rope_type \(names[0]) contradicts type \(names[1])")
        }
        switch names.first ?? "default" {
        case "default": return .none
        case "linear": return .linear(factor: try required("factor"))
        case "dynamic": return .dynamic(factor: try required("factor"))
        case "llama3":
            let (low, high) = (try required("low_freq_factor"), try required("high_freq_factor"))
            guard low < high else {
                throw settings.malformed("low_freq_factor \(low) is not below high_freq_factor \(high)")
            }
            return .llama3(
                factor: try required("factor"), lowFrequencyFactor: low, highFrequencyFactor: high,
                originalMaxPositions: original)
        case "yarn": return try yarn(original: original)
        case let type:
            throw settings.unsupported("type \(type) is not supported (default, linear, dynamic, llama3 and yarn are)")
        }
    }

    private func yarn(original: Int) throws(CheckpointError) -> ModelConfig.RopeScaling {
        if settings.json["truncate"] != nil, try settings.flag("truncate", nullable: true) != true {
            throw settings.unsupported("yarn with truncate false is not supported")
        }
        let factor = try required("factor")
        var attention = try number("attention_factor") ?? yarnAttentionFactor(factor)
        if try number("attention_factor") == nil, let m = try number("mscale"), let all = try number("mscale_all_dim"),
            m != 0, all != 0
        {
            func scale(_ by: Double) -> Double { 1 + by * (yarnAttentionFactor(factor) - 1) }
            attention = scale(m) / scale(all)
        }
        func turns(_ key: String, _ absent: Double) throws(CheckpointError) -> Double {
            // transformers takes 0 for absent.
            guard let value = try number(key), value != 0 else { return absent }
            guard value > 0 else { throw settings.malformed("\(key) is \(value)") }
            return value
        }
        return .yarn(
            factor: factor, originalMaxPositions: original, betaFast: try turns("beta_fast", 32),
            betaSlow: try turns("beta_slow", 1), attentionFactor: attention)
    }
}
