/// Writes a small GGUF file (version 3): key-value pairs and F32 vectors.
///
/// Layout: magic, version, counts of tensors and pairs, the pairs, the tensors' names, sizes and places, then the tensors,
/// each at a multiple of 32 bytes; all numbers little-endian.
public struct GGUFWriter {
    private static let alignment = 32
    /// Numbers of value types.
    private enum Kind: UInt32 { case int32 = 5, string = 8 }

    private var pairs: [UInt8] = []
    private var pairCount: UInt64 = 0
    private var tensors: [(name: String, values: [Float])] = []

    /// - Parameter architecture: what the file is, as readers look at first.
    public init(architecture: String) { add("general.architecture", architecture) }

    public mutating func add(_ key: String, _ value: String) {
        begin(key, .string)
        Self.append(value, to: &pairs)
    }

    public mutating func add(_ key: String, _ value: Int32) {
        begin(key, .int32)
        Self.append(UInt32(bitPattern: value), to: &pairs)
    }

    /// Adds a tensor of one dimension.
    public mutating func add(_ name: String, vector: [Float]) { tensors.append((name, vector)) }

    private mutating func begin(_ key: String, _ kind: Kind) {
        Self.append(key, to: &pairs)
        Self.append(kind.rawValue, to: &pairs)
        pairCount += 1
    }

    /// The whole file.
    public var bytes: [UInt8] {
        var bytes = Array("GGUF".utf8)
        Self.append(UInt32(3), to: &bytes)
        Self.append(UInt64(tensors.count), to: &bytes)
        Self.append(pairCount, to: &bytes)
        bytes += pairs
        var offset = 0
        for (name, values) in tensors {
            Self.append(name, to: &bytes)
            Self.append(UInt32(1), to: &bytes)
            Self.append(UInt64(values.count), to: &bytes)
            Self.append(UInt32(0), to: &bytes)
            Self.append(UInt64(offset), to: &bytes)
            offset = Self.aligned(offset + 4 * values.count)
        }
        Self.pad(&bytes)
        for (_, values) in tensors {
            for value in values { Self.append(value.bitPattern, to: &bytes) }
            Self.pad(&bytes)
        }
        return bytes
    }

    private static func aligned(_ count: Int) -> Int { (count + alignment - 1) / alignment * alignment }

    private static func pad(_ bytes: inout [UInt8]) {
        bytes += [UInt8](repeating: 0, count: aligned(bytes.count) - bytes.count)
    }

    private static func append(_ text: String, to bytes: inout [UInt8]) {
        append(UInt64(text.utf8.count), to: &bytes)
        bytes += Array(text.utf8)
    }

    private static func append(_ number: some FixedWidthInteger, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: number.littleEndian) { bytes += Array($0) }
    }
}
