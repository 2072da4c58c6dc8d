/// A safetensors file, memory-mapped and checked whole before the first tensor is touched.
public final class SafetensorsFile: Sendable {
    public let path: String
    public let metadata: [String: String]
    /// In order of their data.
    public let tensors: [TensorDescription]
    private let mapping: FileMapping
    private let places: [String: (tensor: TensorDescription, bytes: Range<Int>)]

    /// - Throws: `TensorFileError` where the file cannot be read or its header does not describe its data.
    public init(path: String) throws(TensorFileError) {
        mapping = try FileMapping(path: path)
        let header = try SafetensorsHeader(parsing: mapping.bytes, path: path)
        self.path = path
        metadata = header.metadata
        tensors = header.entries.map(\.tensor)
        places = Dictionary(header.entries.map { ($0.tensor.name, ($0.tensor, $0.bytes)) }) { first, _ in first }
    }

    public func description(of name: String) -> TensorDescription? { places[name]?.tensor }

    /// Calls `body` with the tensor's bytes (little-endian, row-major), or returns `nil` where there is no such tensor.
    public func withBytes<R>(of name: String, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R? {
        guard let place = places[name] else { return nil }
        return try withExtendedLifetime(mapping) {
            try body(UnsafeRawBufferPointer(rebasing: mapping.bytes[place.bytes]))
        }
    }
}
