/// Writes safetensors files in one pass, so that no more than one piece of one tensor need be in memory.
public enum SafetensorsWriter {
    /// Takes the next piece of the current tensor's bytes.
    public typealias Sink = (UnsafeRawBufferPointer) throws -> Void

    /// Writes `tensors`; `body` is called once for each, in file order, and hands the tensor's bytes to the sink.
    /// - Throws: `TensorFileError` where the file cannot be written or a tensor is handed over with too few or too many
    ///   bytes; whatever `body` throws.
    public static func write(
        to path: String, tensors: [TensorDescription], metadata: [String: String] = [:],
        body: (TensorDescription, Sink) throws -> Void
    ) throws {
        let layout = SafetensorsLayout(tensors, metadata: metadata)
        let file = try AtomicFile(path: path)
        try file.write(layout.header)
        for index in layout.order {
            let tensor = tensors[index]
            var left = layout.ranges[index].count
            try body(tensor) { piece in
                left -= piece.count
                guard left >= 0 else {
                    throw TensorFileError(file: path, tensor: tensor.name, fault: "given too many bytes")
                }
                try file.write(piece)
            }
            guard left == 0 else {
                throw TensorFileError(file: path, tensor: tensor.name, fault: "given \(left) bytes too few")
            }
        }
        try file.commit()
    }
}
