import Tensors

/// Scores in a safetensors file: F32 [rows × columns] under the weights' own names, mapped and read one at a time.
public struct ScoreFile: ScoreSource, Sendable {
    static let format = "faultline-scores"
    static let version = Provenance.version

    public let label: String
    public let maps: [WeightShape]
    /// `method`, digests of data and model, and whatever else the writer knew.
    public let metadata: [String: String]
    private let file: SafetensorsFile

    /// Opens a score file; any safetensors file of F32 matrices will do, so that other tools' scores can be used.
    /// - Throws: `TensorFileError`, or `SelectionError.file` where a tensor is not an F32 matrix.
    public init(path: String) throws {
        file = try SafetensorsFile(path: path)
        label = path
        metadata = Provenance.comparable(file.metadata)
        guard !file.tensors.isEmpty else { throw SelectionError.file(path, fault: "holds no scores") }
        maps = try file.tensors.map { tensor in
            guard tensor.type == .f32, tensor.shape.count == 2, tensor.shape[1] > 0 else {
                throw SelectionError.file(
                    path, map: tensor.name,
                    fault: "scores are F32 matrices, not \(tensor.type.rawValue) \(tensor.shape)")
            }
            return WeightShape(name: tensor.name, rows: tensor.shape[0], columns: tensor.shape[1])
        }
    }

    /// Calls `body` with the scores F32 [rows × columns] of one matrix.
    /// - Throws: `SelectionError.missing` where the file does not have it; `.file` where its size is another one; what
    ///   `body` throws.
    public func withScores<R>(of map: WeightShape, _ body: (UnsafeBufferPointer<Float>) throws -> R) throws -> R {
        let result = try file.withBytes(of: map.name) { bytes in
            guard bytes.count == map.count * 4 else {
                throw SelectionError.file(label, map: map.name, fault: "not of shape [\(map.rows) × \(map.columns)]")
            }
            // Files of other writers need not align their data.
            guard Int(bitPattern: bytes.baseAddress) % 4 != 0 else { return try body(bytes.bindMemory(to: Float.self)) }
            let copy = AlignedBuffer(byteCount: bytes.count, zeroed: false)
            copy.bytes.copyMemory(from: bytes)
            return try body(UnsafeBufferPointer(copy.floats))
        }
        guard let result else { throw SelectionError.missing(map: map.name, source: label) }
        return result
    }

    /// Writes scores, one matrix in memory at a time.
    /// - Parameter metadata: at least `method`, and digests of data and model where there are any.
    /// - Throws: `TensorFileError`, `SelectionError.notANumber`, or what the source throws.
    public static func write(_ scores: some ScoreSource, to path: String, metadata: [String: String]) throws {
        var header = metadata
        header["format"] = format
        header["version"] = version
        let tensors = scores.maps.map { TensorDescription(name: $0.name, type: .f32, shape: [$0.rows, $0.columns]) }
        let shapes = Dictionary(scores.maps.map { ($0.name, $0) }) { first, _ in first }
        try SafetensorsWriter.write(to: path, tensors: tensors, metadata: header) { tensor, sink in
            try scores.withScores(of: shapes[tensor.name]!) { values in
                if let index = values.firstIndex(where: { !$0.isFinite }) {
                    throw SelectionError.notANumber(map: tensor.name, index: index)
                }
                try sink(UnsafeRawBufferPointer(values))
            }
        }
    }
}
