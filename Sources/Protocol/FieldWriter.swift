/// Headers of a fixed size: `46 4C`, a mark, a kind, the version (u16), two zero bytes, then u64 fields, little-endian.
struct FieldWriter {
    static let byteCount = 64
    private var bytes: [UInt8]

    init(mark: UInt8, kind: UInt8) {
        bytes = [
            0x46, 0x4C, mark, kind, UInt8(truncatingIfNeeded: Limits.version),
            UInt8(truncatingIfNeeded: Limits.version >> 8), 0, 0,
        ]
        bytes.reserveCapacity(Self.byteCount)
    }

    mutating func put(_ value: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(shift))) }
    }

    consuming func finish() -> [UInt8] { bytes + [UInt8](repeating: 0, count: Self.byteCount - bytes.count) }

    /// Kind and fields of a header with this mark.
    /// - Throws: `ProtocolError`.
    static func read(
        _ bytes: [UInt8], mark: UInt8
    ) throws(ProtocolError) -> (kind: UInt8, field: (Int) -> UInt64) {
        guard bytes.count == byteCount, bytes[0] == 0x46, bytes[1] == 0x4C, bytes[2] == mark else {
            throw .malformed("no such header")
        }
        let version = UInt16(bytes[4]) | UInt16(bytes[5]) << 8
        guard version == Limits.version else { throw .version(theirs: version, ours: Limits.version) }
        return (
            bytes[3],
            { index in (0..<8).reduce(0) { $0 | UInt64(bytes[8 + index * 8 + $1]) << UInt64($1 * 8) } }
        )
    }
}
