import Tensors

/// A GGUF file (versions 2 and 3), memory-mapped: metadata and where its tensors lie.
///
/// Format: the GGUF specification of the ggml project. Dimensions are stored fastest first; here they are reversed,
/// so that a matrix is [rows, columns].
final class GGUFFile: Sendable {
    struct Tensor: Sendable {
        let name: String
        let encoding: WeightEncoding
        let shape: [Int]
        /// Byte range in the file.
        let bytes: Range<Int>
    }

    let path: String
    let mapping: FileMapping
    let metadata: [String: GGUFValue]
    let tensors: [Tensor]

    init(path: String) throws(CheckpointError) {
        self.path = path
        do throws(TensorFileError) { mapping = try FileMapping(path: path) } catch {
            throw CheckpointError(.unreadable, file: path, error.fault)
        }
        var reader = GGUFReader(bytes: mapping.bytes, file: path)
        guard try reader.integer(UInt32.self) == 0x4655_4747 else {
            throw reader.failure("not a GGUF file: wrong first bytes")
        }
        let version = try reader.integer(UInt32.self)
        guard !(1...3).contains(version.byteSwapped) else {
            throw CheckpointError(
                .unsupported, file: path, "a big-endian GGUF file: convert it with gguf-py's gguf_convert_endian.py")
        }
        guard version == 2 || version == 3 else {
            throw CheckpointError(.unsupported, file: path, "GGUF version \(version); versions 2 and 3 can be read")
        }
        let tensorCount = try reader.count(of: "tensors", size: 24)
        let pairCount = try reader.count(of: "metadata entries", size: 13)
        var metadata: [String: GGUFValue] = [:]
        for _ in 0..<pairCount {
            let key = try reader.string().text
            let value = try reader.value(type: try reader.integer(UInt32.self), key: key)
            guard metadata.updateValue(value, forKey: key) == nil else {
                throw reader.failure("metadata \(key) appears twice")
            }
        }
        var infos: [Info] = []
        for _ in 0..<tensorCount { infos.append(try Self.info(&reader)) }
        let alignment = try Self.alignment(metadata, reader)
        let dataStart = (reader.position + alignment - 1) / alignment * alignment
        var names: Set<String> = []
        var tensors: [Tensor] = []
        for info in infos {
            guard names.insert(info.name).inserted else { throw reader.failure("tensor \(info.name): appears twice") }
            tensors.append(try info.placed(from: dataStart, alignment: alignment, reader: reader))
        }
        self.metadata = metadata
        self.tensors = tensors
    }

    private static func alignment(
        _ metadata: [String: GGUFValue], _ reader: GGUFReader
    ) throws(CheckpointError) -> Int {
        guard let value = metadata["general.alignment"] else { return 32 }
        guard case .integer(let alignment) = value, alignment > 0, alignment <= 1 << 20, alignment % 8 == 0 else {
            throw reader.failure("metadata general.alignment is not a multiple of 8 up to \(1 << 20)")
        }
        return alignment
    }

    private struct Info {
        let name: String
        let shape: [Int]
        let type: UInt32
        let offset: UInt64

        /// Finds the tensor's bytes, which must lie in the file.
        func placed(from dataStart: Int, alignment: Int, reader: GGUFReader) throws(CheckpointError) -> Tensor {
            guard let encoding = WeightEncoding(ggml: type) else {
                throw CheckpointError(
                    .unsupported, file: reader.file,
                    "tensor \(name): ggml type \(type) cannot be read (F64, F32, F16, BF16, Q4_0 to Q8_0, Q4_K, Q5_K, Q6_K can)"
                )
            }
            guard let columns = shape.last, columns % encoding.blockLength == 0 else {
                throw reader.failure(
                    "tensor \(name): rows of \(shape.last ?? 0) are no whole number of \(encoding.rawValue) blocks")
            }
            var count = 1
            for dimension in shape {
                let (product, overflow) = count.multipliedReportingOverflow(by: dimension)
                guard !overflow else { throw reader.failure("tensor \(name): impossible shape \(shape)") }
                count = product
            }
            let room = max(0, reader.bytes.count - dataStart)
            guard let size = encoding.byteCount(of: count), offset % UInt64(alignment) == 0 else {
                throw reader.failure("tensor \(name): impossible size or place")
            }
            guard size <= room, offset <= UInt64(room - size) else {
                throw reader.failure("tensor \(name): its \(size) bytes run past the end of the file: truncated?")
            }
            let start = dataStart + Int(offset)
            return Tensor(name: name, encoding: encoding, shape: shape, bytes: start..<start + size)
        }
    }

    private static func info(_ reader: inout GGUFReader) throws(CheckpointError) -> Info {
        let name = try reader.string().text
        let rank = try reader.integer(UInt32.self)
        guard (1...4).contains(rank) else { throw reader.failure("tensor \(name): \(rank) dimensions") }
        var shape: [Int] = []
        for _ in 0..<rank {
            guard let size = Int(exactly: try reader.integer(UInt64.self)), size > 0 else {
                throw reader.failure("tensor \(name): impossible dimension")
            }
            shape.insert(size, at: 0)
        }
        let type = try reader.integer(UInt32.self)
        return Info(name: name, shape: shape, type: type, offset: try reader.integer(UInt64.self))
    }
}
