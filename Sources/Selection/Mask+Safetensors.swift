public import Tensors

/// Masks as safetensors: one U8 tensor [⌈rows · columns / 8⌉] a matrix, under the weight's name.
///
/// Bit i of the flat, row-major matrix is bit i mod 8 (from the lowest) of byte i / 8. The metadata holds `format`,
/// `version`, and `shape:NAME` = "rows,columns" for every tensor; the rest is provenance.
extension Mask {
    static let format = "faultline-mask"
    static let version = Provenance.version

    /// The mask as tensors in memory, as the workers get it.
    public var bundle: TensorBundle {
        var header = metadata
        header["format"] = Self.format
        header["version"] = Self.version
        header["selected"] = "\(count)"
        header["weights"] = "\(size)"
        let entries = maps.map { map in
            header["shape:\(map.shape.name)"] = "\(map.shape.rows),\(map.shape.columns)"
            return map.bits.withBytes { bytes in
                let buffer = AlignedBuffer(byteCount: bytes.count, zeroed: false)
                buffer.bytes.copyMemory(from: bytes)
                return TensorBundle.Entry(name: map.shape.name, type: .u8, shape: [bytes.count], buffer: buffer)
            }
        }
        return TensorBundle(metadata: header, entries: entries)
    }

    /// - Parameter source: names the bundle in errors.
    /// - Throws: `SelectionError.file` where the bundle is not a mask.
    public init(bundle: TensorBundle, source: String) throws(SelectionError) {
        guard bundle.metadata["format"] == Self.format else {
            throw .file(source, fault: "not a mask file (metadata format is \(bundle.metadata["format"] ?? "missing"))")
        }
        guard let version = bundle.metadata["version"], Provenance.readable.contains(version) else {
            throw .file(
                source,
                fault: "mask version \(bundle.metadata["version"] ?? "missing"), this program reads \(Self.version)")
        }
        var maps: [Map] = []
        for entry in bundle.entries {
            guard entry.type == .u8, entry.shape.count == 1 else {
                throw .file(
                    source, map: entry.name,
                    fault: "a mask is U8 with one dimension, not \(entry.type.rawValue) \(entry.shape)")
            }
            guard let text = bundle.metadata["shape:\(entry.name)"], let shape = Self.shape(text, name: entry.name)
            else {
                throw .file(source, map: entry.name, fault: "metadata shape:\(entry.name) is not \"rows,columns\"")
            }
            guard let bits = BitSet(size: shape.count, bytes: UnsafeRawBufferPointer(entry.buffer.bytes)) else {
                throw .file(
                    source, map: entry.name,
                    fault: "\(entry.buffer.byteCount) bytes are not the bits of [\(shape.rows) × \(shape.columns)]")
            }
            maps.append(Map(shape: shape, bits: bits))
        }
        var kept = Provenance.comparable(bundle.metadata).filter { !$0.key.hasPrefix("shape:") }
        for key in ["format", "version", "selected", "weights"] { kept[key] = nil }
        self.init(maps: maps, metadata: kept)
    }

    private static func shape(_ text: String, name: String) -> WeightShape? {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 2, let rows = parts[0], let columns = parts[1], rows >= 0, columns >= 0,
            !rows.multipliedReportingOverflow(by: columns).overflow
        else { return nil }
        return WeightShape(name: name, rows: rows, columns: columns)
    }

    /// - Throws: `TensorFileError` or `SelectionError.file`.
    public init(contentsOf path: String) throws {
        try self.init(bundle: try TensorBundle(safetensors: path), source: path)
    }

    /// Writes a mask file, which appears under its name only when complete.
    /// - Throws: `TensorFileError`.
    public func write(to path: String) throws { try bundle.write(safetensors: path) }
}
