import Foundation
public import Tensors

/// Vision-language checkpoints made of plain ones: the tensors renamed, the configuration nested, and tensors of a vision
/// part beside them.
public enum VisionLanguageFolder {
    /// How the language model's tensors are called.
    public enum Names: String, Sendable {
        /// `language_model.model.…`, `language_model.lm_head.…`: files of transformers 4, and what 5 writes again.
        case inner
        /// `model.language_model.…`, `lm_head.…`: what late releases of transformers 4 wrote.
        case outer
        /// `model.text_model.…`, `lm_head.…`: Idefics.
        case text
        /// `model.…`, `lm_head.…`: Qwen2-VL.
        case plain

        func name(_ plain: String) -> String {
            let isHead = plain.hasPrefix("lm_head.")
            let inModel = plain.hasPrefix("model.") ? String(plain.dropFirst(6)) : plain
            return switch self {
            case .inner: "language_model.\(plain)"
            case .outer: isHead ? plain : "model.language_model.\(inModel)"
            case .text: isHead ? plain : "model.text_model.\(inModel)"
            case .plain: plain
            }
        }
    }

    /// Tensors of a vision part after a family's own names, with their shapes; 36 numbers.
    private static let vision: [(name: String, shape: [Int])] = [
        ("embeddings.patch_embedding.weight", [2, 3, 2, 2]), ("layers.0.mlp.fc1.weight", [3, 4]),
    ]

    /// Makes such a folder.
    /// - Parameters:
    ///   - model: a plain Hugging Face folder with one file of weights.
    ///   - folder: must exist.
    ///   - type: `model_type` of the whole.
    ///   - visionPrefix: what the vision part's tensors begin with.
    ///   - change: what is done to the whole configuration before it is written.
    ///   - tensors: what is done to the tensors.
    public static func make(
        of model: String, in folder: TemporaryFolder, type: String, names: Names, visionPrefix: String,
        change: (inout [String: Any]) -> Void = { _ in }, tensors: (inout TensorBundle) -> Void = { _ in }
    ) throws {
        let text = try JSONSerialization.jsonObject(
            with: Data(contentsOf: URL(fileURLWithPath: "\(model)/config.json")))
        var config: [String: Any] = [
            "model_type": type, "text_config": text, "image_token_index": 5,
            "vision_config": ["model_type": "clip_vision_model", "hidden_size": 16, "num_hidden_layers": 1]
                as [String: Any],
        ]
        change(&config)
        try folder.write(Array(JSONSerialization.data(withJSONObject: config)), "config.json")
        var bundle = try TensorBundle(safetensors: "\(model)/model.safetensors")
        bundle.entries = bundle.entries.map {
            .init(name: names.name($0.name), type: $0.type, shape: $0.shape, buffer: $0.buffer)
        }
        for (name, shape) in vision {
            bundle.entries.append(
                .init(
                    name: "\(visionPrefix)\(name)", type: .f32, shape: shape,
                    buffer: AlignedBuffer(floats: shape.reduce(1, *))))
        }
        tensors(&bundle)
        try bundle.write(safetensors: folder.file("model.safetensors"))
    }
}

extension [String: Any] {
    /// Changes the nested configuration of the language model.
    public mutating func changeText(_ change: (inout [String: Any]) -> Void) {
        var text = self["text_config"] as? [String: Any] ?? [:]
        change(&text)
        self["text_config"] = text
    }
}
