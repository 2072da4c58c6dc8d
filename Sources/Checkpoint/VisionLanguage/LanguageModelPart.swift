import Tensors

/// What a checkpoint knows of the vision-language model that it is the language model of.
public struct LanguageModelPart: Sendable {
    /// `model_type` of the whole, such as `llava`.
    public let family: String
    /// Tensors of the vision part, which are left out.
    public let leftOutTensors: Int
    /// Numbers in them.
    public let leftOutNumbers: Int
    /// What `config.json` of the language model alone would be, but for `architectures` and the type of numbers.
    let config: JSON
    /// The checkpoint's own names of the language model's tensors, by their names in a model of text alone.
    let spellings: [String: String]

    /// Takes the language model's tensors out of a vision-language checkpoint's.
    /// - Parameter tensors: all of the checkpoint's, by its own names.
    /// - Returns: the language model's, by their names in a model of text alone; and the rest.
    /// - Throws: `CheckpointError` where a tensor belongs to neither part, or two to the same name.
    static func taken(
        from tensors: [String: StoredTensor], _ config: VisionLanguageConfig, file: String
    ) throws(CheckpointError) -> (tensors: [String: StoredTensor], part: LanguageModelPart) {
        let family = config.family
        var result: [String: StoredTensor] = [:]
        var spellings: [String: String] = [:]
        var left = (tensors: 0, numbers: 0)
        for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
            if family.isVision(name) {
                left.tensors += 1
                left.numbers += tensor.shape.reduce(1, *)
                continue
            }
            guard let plain = family.plainName(name) else {
                throw CheckpointError(
                    .unsupported, file: file, "tensor \(name) is not part of a \(family.rawValue) model")
            }
            if let other = spellings.updateValue(name, forKey: plain) {
                throw CheckpointError(.malformed, file: file, "tensor \(name) is there as \(other), too")
            }
            result[plain] = tensor
        }
        return (
            result,
            LanguageModelPart(
                family: family.rawValue, leftOutTensors: left.tensors, leftOutNumbers: left.numbers,
                config: config.text, spellings: spellings)
        )
    }
}

extension Checkpoint {
    /// What of the model is read and what is left out, in one line; `nil` where it is all read.
    public var partTitle: String? {
        guard let part = languageModelPart else { return nil }
        return "\(path): the language model of a \(part.family) model, \(part.leftOutTensors) tensors "
            + "(\(part.leftOutNumbers) numbers) of its vision part left out; folders written of it hold a "
            + "\(config.architecture.rawValue) model of text alone"
    }

    /// `config.json` of a folder that holds the language model alone.
    /// - Parameter typeName: of the numbers, as transformers calls it.
    static func config(of part: LanguageModelPart, _ config: ModelConfig, typeName: String) -> JSON {
        let (own, tie) = (["architectures", "dtype", "torch_dtype"], "tie_word_embeddings")
        let hasNewName = part.config["dtype"] != nil || part.config["rope_parameters"] != nil
        var members = (part.config.members ?? []).filter { member in
            !(own + [tie]).contains { member.key == ByteString($0) }
        }
        members.insert(
            JSON.Member("architectures", .array([.text("\(ConfigKeys.className(config.architecture))ForCausalLM")])),
            at: 0)
        members.append(JSON.Member(tie, .bool(config.tiedEmbeddings)))
        members.append(JSON.Member(hasNewName ? "dtype" : "torch_dtype", .text(typeName)))
        return .object(members)
    }
}
