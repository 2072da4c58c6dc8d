public import Checkpoint
import Tensors

/// A direction as a control vector that llama.cpp and its relatives read: a GGUF file of the architecture `controlvector`
/// with a tensor `direction.N` for every decoder block N from 1, which is added to that block's output, times the scale that
/// the reader is given. Scale 1 adds the mean difference where it was found, −1 subtracts it.
///
/// What comes into block L is what block L − 1 hands on, so the vector stands in `direction.(L − 1)`, and zeros in all others.
/// The format has no place for the input of blocks 0 and 1.
public enum ControlVector {
    /// - Returns: the file's bytes.
    /// - Throws: `SelectionError.file` where the format has no place for the direction.
    public static func file(
        _ direction: ResidualDirection, of config: ModelConfig, named source: String
    ) throws(SelectionError) -> [UInt8] {
        if let fault = fault(direction) { throw .file(source, fault: fault) }
        var writer = GGUFWriter(architecture: "controlvector")
        writer.add("controlvector.model_hint", hint(config))
        writer.add("controlvector.layer_count", Int32(config.layerCount - 1))
        let zeros = [Float](repeating: 0, count: direction.hiddenSize)
        for block in 1..<config.layerCount {
            let values = block == direction.layer - 1 ? direction.difference.map { Float($0) } : zeros
            writer.add("direction.\(block)", vector: values)
        }
        return writer.bytes
    }

    /// Writes the file.
    /// - Throws: `SelectionError.file` where the format has no place for the direction; `TensorFileError` where it cannot be
    ///   written.
    public static func write(_ direction: ResidualDirection, of config: ModelConfig, to path: String) throws {
        let bytes = try file(direction, of: config, named: path)
        let output = try AtomicFile(path: path)
        try output.write(bytes)
        try output.commit()
    }

    /// Why the format cannot hold it; `nil`: it can.
    public static func fault(_ direction: ResidualDirection) -> String? {
        direction.layer > 1
            ? nil
            : "a control vector begins at the output of block 1, and this direction belongs to the input of block \(direction.layer)"
    }

    /// The model's architecture as llama.cpp calls it.
    private static func hint(_ config: ModelConfig) -> String {
        config.architecture == .mistral ? ModelConfig.Architecture.llama.rawValue : config.architecture.rawValue
    }
}
