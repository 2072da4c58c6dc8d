import Tensors

/// Joins partials into one file: per tensor, one block's rows after the other's, in block order.
public enum Concatenation {
    /// - Parameters:
    ///   - blocks: for every block the partials of its stages; each tensor appears once in every block, alike but for its
    ///     first dimension.
    ///   - path: the joined safetensors file, which appears only when complete.
    /// - Throws: `SelectionError.file` where a block lacks a tensor, has it twice or in another shape; `TensorFileError`.
    public static func write(_ blocks: [[any Partial]], to path: String, metadata: [String: String] = [:]) throws {
        var joined: [String: TensorDescription] = [:]
        var parts: [String: [any Partial]] = [:]
        for (number, block) in blocks.enumerated() {
            for partial in block {
                for tensor in partial.tensors {
                    guard let rows = tensor.shape.first, parts[tensor.name, default: []].count == number else {
                        throw SelectionError.file(
                            partial.label, map: tensor.name,
                            fault: "block \(number) has it twice, or an earlier one not")
                    }
                    parts[tensor.name, default: []].append(partial)
                    guard let before = joined[tensor.name] else {
                        joined[tensor.name] = tensor
                        continue
                    }
                    guard before.type == tensor.type, before.shape.dropFirst() == tensor.shape.dropFirst() else {
                        throw SelectionError.file(
                            partial.label, map: tensor.name, fault: "block \(number) has it in another shape")
                    }
                    joined[tensor.name] = TensorDescription(
                        name: tensor.name, type: tensor.type, shape: [before.shape[0] + rows] + tensor.shape.dropFirst()
                    )
                }
            }
        }
        for (name, list) in parts where list.count != blocks.count {
            throw SelectionError.file(path, map: name, fault: "\(blocks.count - list.count) blocks lack it")
        }
        let tensors = joined.values.sorted { $0.name < $1.name }
        try SafetensorsWriter.write(to: path, tensors: tensors, metadata: metadata) { tensor, sink in
            for partial in parts[tensor.name]! { _ = try partial.withTensor(tensor.name) { try sink($0) } }
        }
    }
}
