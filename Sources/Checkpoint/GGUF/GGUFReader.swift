import Tensors

/// Reads GGUF's little-endian fields one after the other, refusing to run past the end of the file.
struct GGUFReader {
    let bytes: UnsafeRawBufferPointer
    let file: String
    private(set) var position = 0

    init(bytes: UnsafeRawBufferPointer, file: String) {
        self.bytes = bytes
        self.file = file
    }

    func failure(_ fault: String) -> CheckpointError { CheckpointError(.malformed, file: file, fault) }

    mutating func integer<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type) throws(CheckpointError) -> T {
        let size = MemoryLayout<T>.size
        guard bytes.count - position >= size else {
            throw failure("truncated: the header runs past byte \(bytes.count)")
        }
        defer { position += size }
        return T(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: T.self))
    }

    /// A count of things that take at least `size` bytes each in the rest of the file.
    mutating func count(of things: String, size: Int) throws(CheckpointError) -> Int {
        let value = try integer(UInt64.self)
        guard value <= UInt64((bytes.count - position) / size) else {
            throw failure("truncated or malformed: \(value) \(things) do not fit in the rest of the file")
        }
        return Int(value)
    }

    mutating func string() throws(CheckpointError) -> ByteString {
        let length = try count(of: "bytes of text", size: 1)
        defer { position += length }
        return ByteString(Array(bytes[position..<position + length]))
    }

    /// A value of the type GGUF numbers `type` (specification, `gguf_metadata_value_type`).
    mutating func value(type: UInt32, key: String) throws(CheckpointError) -> GGUFValue {
        switch type {
        case 0: .integer(Int(try integer(UInt8.self)))
        case 1: .integer(Int(try integer(Int8.self)))
        case 2: .integer(Int(try integer(UInt16.self)))
        case 3: .integer(Int(try integer(Int16.self)))
        case 4: .integer(Int(try integer(UInt32.self)))
        case 5: .integer(Int(try integer(Int32.self)))
        case 6: .number(Double(Float(bitPattern: try integer(UInt32.self))))
        case 7: .bool(try integer(UInt8.self) != 0)
        case 8: .string(try string())
        case 9: try array(key: key)
        case 10: large(try integer(UInt64.self))
        case 11: .integer(Int(try integer(Int64.self)))
        case 12: .number(Double(bitPattern: try integer(UInt64.self)))
        default: throw failure("metadata \(key) has the unknown type \(type)")
        }
    }

    private func large(_ value: UInt64) -> GGUFValue {
        Int(exactly: value).map { .integer($0) } ?? .number(Double(value))
    }

    private mutating func array(key: String) throws(CheckpointError) -> GGUFValue {
        let type = try integer(UInt32.self)
        let sizes: [UInt32: Int] = [0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 8: 8, 10: 8, 11: 8, 12: 8]
        guard let size = sizes[type] else {
            throw failure("metadata \(key) is an array of the unsupported type \(type)")
        }
        let count = try count(of: "elements of \(key)", size: size)
        switch type {
        case 8:
            var strings: [ByteString] = []
            strings.reserveCapacity(count)
            for _ in 0..<count { strings.append(try string()) }
            return .strings(strings)
        case 6, 12:
            var numbers: [Float] = []
            for _ in 0..<count { numbers.append(Float(try value(type: type, key: key).double!)) }
            return .numbers(numbers)
        case 7:
            var bools: [Bool] = []
            for _ in 0..<count { bools.append(try integer(UInt8.self) != 0) }
            return .bools(bools)
        default:
            var integers: [Int] = []
            for _ in 0..<count {
                guard let element = try value(type: type, key: key).int else {
                    throw failure("metadata \(key): number too large")
                }
                integers.append(element)
            }
            return .integers(integers)
        }
    }
}
