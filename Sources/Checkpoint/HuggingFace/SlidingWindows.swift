import Tensors

/// Which layers of a `config.json` attend to a window only: `sliding_window`, and Qwen's `use_sliding_window`,
/// `max_window_layers` and `layer_types`. In transformers `layer_types` decides where it is there.
struct SlidingWindows {
    let fields: Fields
    let layers: Int

    /// - Returns: one entry a layer; `nil`: all positions before it.
    func windows(
        _ architecture: ModelConfig.Architecture, maxPositions: Int
    ) throws(CheckpointError) -> [Int?] {
        let types = try types()
        switch architecture {
        case .llama:
            // Llama has none; but transformers' cache would drop keys for such a setting.
            if let window = try fields.int("sliding_window", nullable: true), window < maxPositions {
                throw fields.unsupported("sliding_window is set, which a llama model does not have")
            }
            return try same(types, nil)
        case .mistral:
            guard fields.json["sliding_window"]?.isNull != true else { return try same(types, nil) }
            return try same(types, try fields.int("sliding_window") ?? 4096)
        case .qwen2, .qwen3: return try qwen(types)
        }
    }

    private func qwen(_ types: [Bool]?) throws(CheckpointError) -> [Int?] {
        let isOn = try fields.flag("use_sliding_window") ?? false
        let window = try fields.int("sliding_window", nullable: true)
        let first = try fields.int("max_window_layers") ?? 28
        guard isOn, fields.json["sliding_window"]?.isNull != true else {
            guard types?.contains(true) != true else {
                throw fields.malformed("layer_types asks for sliding attention, use_sliding_window does not")
            }
            return Array(repeating: nil, count: layers)
        }
        return (0..<layers).map { types?[$0] ?? ($0 >= first) ? window ?? 4096 : nil }
    }

    /// The same window in all layers, which `layer_types`, where it is there, must not contradict.
    private func same(_ types: [Bool]?, _ window: Int?) throws(CheckpointError) -> [Int?] {
        guard types?.allSatisfy({ $0 == (window != nil) }) ?? true else {
            throw fields.unsupported("layer_types contradicts sliding_window")
        }
        return Array(repeating: window, count: layers)
    }

    /// Whether each layer slides, by `layer_types`.
    private func types() throws(CheckpointError) -> [Bool]? {
        guard let list = try fields.list("layer_types", nullable: true) else { return nil }
        guard list.count == layers else {
            throw fields.malformed("layer_types has \(list.count) entries for \(layers) layers")
        }
        var result: [Bool] = []
        for type in list {
            switch type.string {
            case "full_attention": result.append(false)
            case "sliding_attention": result.append(true)
            default:
                throw fields.unsupported("layer_types holds \(type.string ?? "no text"), which is not supported")
            }
        }
        return result
    }
}
