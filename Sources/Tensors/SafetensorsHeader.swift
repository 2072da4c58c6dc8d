/// Name, element type, shape and place of one tensor in a safetensors file.
public struct TensorDescription: Sendable, Equatable {
    public var name: String
    public var type: ElementType
    public var shape: [Int]

    public init(name: String, type: ElementType, shape: [Int]) {
        self.name = name
        self.type = type
        self.shape = shape
    }

    /// Size in bytes; `nil` where a dimension is negative or the product overflows.
    public var byteCount: Int? {
        var count = type.byteCount
        for dimension in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: dimension)
            guard dimension >= 0, !overflow else { return nil }
            count = product
        }
        return count
    }
}

/// The JSON header of a safetensors file, checked against the size of the data behind it.
///
/// Format: 8 bytes little-endian header length, the header, the data; offsets count from the start of the data
/// (safetensors README, "Format").
package struct SafetensorsHeader: Sendable {
    package struct Entry: Sendable {
        package var tensor: TensorDescription
        /// Byte range in the whole file.
        package var bytes: Range<Int>
    }

    package var metadata: [String: String]
    /// In order of their data.
    package var entries: [Entry]

    /// The reference implementation's own limit.
    package static let maximumSize = 100_000_000

    /// Checks the header against the whole file: every tensor in range and of the size its shape asks for, no overlap,
    /// no byte unaccounted for.
    /// - Parameters:
    ///   - file: the file, or at least its header.
    ///   - byteCount: of the whole file; `nil`: `file` is the whole.
    /// - Throws: `TensorFileError` naming what does not hold, and the tensor where it is one tensor's.
    package init(
        parsing file: UnsafeRawBufferPointer, path: String, byteCount: Int? = nil
    ) throws(TensorFileError) {
        let size = byteCount ?? file.count
        func failure(_ fault: String, tensor: String? = nil) -> TensorFileError {
            TensorFileError(file: path, tensor: tensor, fault: fault)
        }
        guard file.count >= 8 else { throw failure("not a safetensors file: only \(file.count) bytes") }
        let length = UInt64(littleEndian: file.loadUnaligned(as: UInt64.self))
        guard length <= UInt64(Self.maximumSize) else {
            throw failure("not a safetensors file: header length \(length) is over the limit of \(Self.maximumSize)")
        }
        let dataStart = 8 + Int(length)
        guard dataStart <= min(size, file.count) else {
            throw failure("truncated: the header needs \(dataStart) bytes, the file has \(size)")
        }
        let header: JSON
        do throws(JSONError) {
            header = try JSON.parse(UnsafeRawBufferPointer(rebasing: file[8..<dataStart]))
        } catch { throw failure("header: \(error)") }
        guard let members = header.members else { throw failure("header: not a JSON object") }

        metadata = [:]
        entries = []
        var names: Set<ByteString> = []
        for member in members {
            let name = member.key.text
            if name == "__metadata__" {
                guard let pairs = member.value.members else { throw failure("__metadata__ is not an object") }
                for pair in pairs {
                    guard let value = pair.value.string else { throw failure("__metadata__ holds more than text") }
                    metadata[pair.key.text] = value
                }
                continue
            }
            guard names.insert(member.key).inserted else { throw failure("appears twice", tensor: name) }
            entries.append(
                try Self.entry(
                    name: name, member.value, dataStart: dataStart, dataSize: size - dataStart, path: path))
        }
        entries.sort { ($0.bytes.lowerBound, $0.bytes.upperBound) < ($1.bytes.lowerBound, $1.bytes.upperBound) }
        var end = dataStart
        for entry in entries {
            guard entry.bytes.lowerBound >= end else {
                throw failure("overlaps another tensor", tensor: entry.tensor.name)
            }
            guard entry.bytes.lowerBound == end else {
                throw failure("\(entry.bytes.lowerBound - end) unused bytes before it", tensor: entry.tensor.name)
            }
            end = entry.bytes.upperBound
        }
        guard end == size else { throw failure("\(size - end) bytes after the last tensor") }
    }

    private static func entry(
        name: String, _ value: JSON, dataStart: Int, dataSize: Int, path: String
    ) throws(TensorFileError) -> Entry {
        func failure(_ fault: String) -> TensorFileError { TensorFileError(file: path, tensor: name, fault: fault) }
        guard let spelling = value["dtype"]?.string else { throw failure("no dtype") }
        guard let type = ElementType(rawValue: spelling) else { throw failure("unknown element type \(spelling)") }
        guard let dimensions = value["shape"]?.elements else { throw failure("no shape") }
        var shape: [Int] = []
        for dimension in dimensions {
            guard case .integer(let size) = dimension, size >= 0 else { throw failure("a dimension is not a count") }
            shape.append(size)
        }
        guard let offsets = value["data_offsets"]?.elements, offsets.count == 2, case .integer(let begin) = offsets[0],
            case .integer(let end) = offsets[1]
        else { throw failure("no data_offsets") }
        guard begin >= 0, begin <= end else { throw failure("data_offsets [\(begin), \(end)] are not a range") }
        guard end <= dataSize else {
            throw failure("data ends at byte \(end), the file's data at \(dataSize): truncated?")
        }
        let tensor = TensorDescription(name: name, type: type, shape: shape)
        guard tensor.byteCount == end - begin else {
            throw failure("\(spelling) \(shape) does not fill its \(end - begin) bytes")
        }
        return Entry(tensor: tensor, bytes: dataStart + begin..<dataStart + end)
    }
}

/// Where a safetensors file that is still to be written has its header and tensors.
package struct SafetensorsLayout: Sendable {
    /// Length field and header, padded with spaces to a multiple of 8 bytes.
    package let header: [UInt8]
    /// Indices of the given tensors in the order of their data: widest element type first, so that all are aligned.
    package let order: [Int]
    /// Byte range in the file of tensor `i` as given.
    package let ranges: [Range<Int>]
    package let byteCount: Int

    package init(_ tensors: [TensorDescription], metadata: [String: String]) {
        let order = tensors.indices.sorted {
            (tensors[$1].type.byteCount, $0) < (tensors[$0].type.byteCount, $1)
        }
        var members: [JSON.Member] = []
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key < $1.key }.map { JSON.Member($0.key, .text($0.value)) }
            members.append(JSON.Member("__metadata__", .object(pairs)))
        }
        var offsets = [Range<Int>](repeating: 0..<0, count: tensors.count)
        var end = 0
        for index in order {
            let tensor = tensors[index]
            guard let size = tensor.byteCount else {
                preconditionFailure("\(tensor.name): impossible shape \(tensor.shape)")
            }
            offsets[index] = end..<end + size
            end += size
            members.append(
                JSON.Member(
                    tensor.name,
                    .object([
                        JSON.Member("dtype", .text(tensor.type.rawValue)),
                        JSON.Member("shape", .array(tensor.shape.map { .integer($0) })),
                        JSON.Member("data_offsets", .array([.integer(offsets[index].lowerBound), .integer(end)])),
                    ])))
        }
        var json = JSON.object(members).encoded()
        while json.count % 8 != 0 { json.append(0x20) }
        header = withUnsafeBytes(of: UInt64(json.count).littleEndian) { Array($0) } + json
        let start = header.count
        self.order = order
        ranges = offsets.map { start + $0.lowerBound..<start + $0.upperBound }
        byteCount = start + end
    }
}
