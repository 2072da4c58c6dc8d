/// Checkpoints of the model without its head leave `model.` out of the names; transformers puts it in where it is missing.
enum HeadlessNames {
    /// The tensors under the names that the configuration asks for.
    /// - Throws: `CheckpointError` where a tensor is there under both names.
    static func completed(
        _ tensors: [String: StoredTensor], _ config: ModelConfig, file: String
    ) throws(CheckpointError) -> [String: StoredTensor] {
        let wanted = Set(config.tensorShapes.map(\.name))
        var result: [String: StoredTensor] = [:]
        for (name, tensor) in tensors {
            let full = wanted.contains(name) || !wanted.contains("model.\(name)") ? name : "model.\(name)"
            guard result.updateValue(tensor, forKey: full) == nil else {
                throw CheckpointError(.malformed, file: file, "tensor \(full) is there with and without model.")
            }
        }
        return result
    }
}
