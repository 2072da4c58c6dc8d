import Tensors

/// Rotary settings of a `config.json`: `rope_parameters` (transformers 5), or `rope_theta` and `rope_scaling` (4).
struct RopeSettings {
    var theta: Double
    var scaling: ModelConfig.RopeScaling

    init(_ json: JSON, file: String, maxPositions: Int) throws(CheckpointError) {
        func filled(_ key: String) -> JSON? { json[key].flatMap { $0.isNull ? nil : $0 } }
        let settings = filled("rope_parameters") ?? filled("rope_scaling") ?? .object([])
        func failure(_ kind: CheckpointError.Kind, _ fault: String) -> CheckpointError {
            CheckpointError(kind, file: file, "rope settings: \(fault)")
        }
        func number(_ key: String) throws(CheckpointError) -> Double? {
            guard let value = settings[key], !value.isNull else { return nil }
            guard let number = value.double, number.isFinite else {
                throw failure(.malformed, "\(key) is not a number")
            }
            return number
        }
        func required(_ key: String) throws(CheckpointError) -> Double {
            guard let value = try number(key), value > 0 else {
                throw failure(.malformed, "\(key) is missing or not positive")
            }
            return value
        }
        if let factor = try number("partial_rotary_factor"), factor != 1 {
            throw failure(.unsupported, "partial_rotary_factor \(factor) is not supported")
        }
        theta = try number("rope_theta") ?? filled("rope_theta")?.double ?? 10_000
        let type = settings["rope_type"]?.string ?? settings["type"]?.string ?? "default"
        let original =
            Int(exactly: try number("original_max_position_embeddings") ?? Double(maxPositions)) ?? maxPositions
        switch type {
        case "default": scaling = .none
        case "linear": scaling = .linear(factor: try required("factor"))
        case "llama3":
            scaling = .llama3(
                factor: try required("factor"), lowFrequencyFactor: try required("low_freq_factor"),
                highFrequencyFactor: try required("high_freq_factor"), originalMaxPositions: original)
        case "yarn":
            if settings["truncate"]?.boolean == false {
                throw failure(.unsupported, "yarn with truncate false is not supported")
            }
            let factor = try required("factor")
            var attention = try number("attention_factor") ?? yarnAttentionFactor(factor)
            if try number("attention_factor") == nil, let m = try number("mscale"),
                let all = try number("mscale_all_dim"),
                m != 0, all != 0
            {
                func scale(_ by: Double) -> Double { 1 + by * (yarnAttentionFactor(factor) - 1) }
                attention = scale(m) / scale(all)
            }
            scaling = .yarn(
                factor: factor, originalMaxPositions: original, betaFast: try number("beta_fast") ?? 32,
                betaSlow: try number("beta_slow") ?? 1, attentionFactor: attention)
        default: throw failure(.unsupported, "type \(type) is not supported (default, linear, llama3 and yarn are)")
        }
    }
}
