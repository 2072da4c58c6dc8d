/// Named tensors in memory with a few words of metadata: what a stage reports, and what a safetensors file holds.
public struct TensorBundle: Sendable {
    public struct Entry: Sendable {
        public let name: String
        public let type: ElementType
        public let shape: [Int]
        public let buffer: AlignedBuffer

        public init(name: String, type: ElementType, shape: [Int], buffer: AlignedBuffer) {
            precondition(
                shape.reduce(1, *) * type.byteCount == buffer.byteCount,
                "\(name): shape \(shape) does not fit its buffer")
            self.name = name
            self.type = type
            self.shape = shape
            self.buffer = buffer
        }
    }

    public var metadata: [String: String]
    public var entries: [Entry]

    public init(metadata: [String: String] = [:], entries: [Entry] = []) {
        self.metadata = metadata
        self.entries = entries
    }

    public subscript(name: String) -> Entry? { entries.first { $0.name == name } }
}
