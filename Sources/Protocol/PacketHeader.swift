/// First frame of everything on a data link: fixed binary fields, little-endian (docs/protocol.md).
public enum DataHeader: Sendable, Equatable {
    /// The previous stage introduces itself and grants credit (bytes) for what comes back.
    case hello(epoch: UInt64, credit: UInt64)
    /// Room for so many more bytes.
    case credit(epoch: UInt64, bytes: UInt64)
    /// Integers, then payload, follow in raw frames of `Limits.chunkBytes` (the last of each may be shorter).
    case packet(PacketHeader)

    public static let byteCount = FieldWriter.byteCount
    /// "D" of "FLD".
    private static let mark: UInt8 = 0x44

    public func encode() -> [UInt8] {
        var writer: FieldWriter
        switch self {
        case .hello(let epoch, let credit):
            writer = FieldWriter(mark: Self.mark, kind: 1)
            writer.put(epoch)
            writer.put(credit)
        case .credit(let epoch, let bytes):
            writer = FieldWriter(mark: Self.mark, kind: 2)
            writer.put(epoch)
            writer.put(bytes)
        case .packet(let header):
            writer = FieldWriter(mark: Self.mark, kind: 3)
            writer.put(header.epoch)
            writer.put(header.task)
            writer.put(UInt64(header.index))
            writer.put(UInt64(header.integerCount))
            writer.put(UInt64(header.payloadBytes))
            writer.put(UInt64(header.direction) | UInt64(header.kind) << 8 | (header.hasPayload ? 1 << 16 : 0))
            writer.put(header.sequence)
        }
        return writer.finish()
    }

    /// - Throws: `ProtocolError`.
    public static func decode(_ bytes: [UInt8]) throws(ProtocolError) -> DataHeader {
        let (kind, field) = try FieldWriter.read(bytes, mark: mark)
        switch kind {
        case 1: return .hello(epoch: field(0), credit: field(1))
        case 2: return .credit(epoch: field(0), bytes: field(1))
        case 3:
            let flags = field(5)
            guard flags < 1 << 17, flags & 0xFF < 2 else { throw .malformed("packet flags") }
            guard field(2) <= UInt64(Int32.max) else { throw .malformed("packet index") }
            guard field(3) <= UInt64(Limits.packetIntegers) else {
                throw .tooLarge(what: "packet integers", bytes: Int(clamping: field(3)), limit: Limits.packetIntegers)
            }
            guard field(4) <= UInt64(Limits.packetBytes) else {
                throw .tooLarge(what: "packet", bytes: Int(clamping: field(4)), limit: Limits.packetBytes)
            }
            return .packet(
                PacketHeader(
                    epoch: field(0), task: field(1), direction: UInt8(flags & 0xFF), kind: UInt8(flags >> 8 & 0xFF),
                    index: Int(field(2)), integerCount: Int(field(3)), payloadBytes: Int(field(4)),
                    hasPayload: flags >> 16 == 1, sequence: field(6)))
        default: throw .malformed("data header of kind \(kind)")
        }
    }
}

/// What stands before the raw frames of a packet.
public struct PacketHeader: Sendable, Equatable {
    public var epoch: UInt64
    public var task: UInt64
    /// 0 forward, 1 backward.
    public var direction: UInt8
    public var kind: UInt8
    public var index: Int
    public var integerCount: Int
    public var payloadBytes: Int
    public var hasPayload: Bool
    /// Counts the packets of a link in one direction and epoch, from 1.
    public var sequence: UInt64

    public init(
        epoch: UInt64, task: UInt64, direction: UInt8, kind: UInt8, index: Int, integerCount: Int, payloadBytes: Int,
        hasPayload: Bool, sequence: UInt64 = 0
    ) {
        self.epoch = epoch
        self.task = task
        self.direction = direction
        self.kind = kind
        self.index = index
        self.integerCount = integerCount
        self.payloadBytes = payloadBytes
        self.hasPayload = hasPayload
        self.sequence = sequence
    }

    /// Sizes of the raw frames that must follow, in order.
    public var frameSizes: [Int] { chunks(integerCount * 4) + chunks(payloadBytes) }

    private func chunks(_ bytes: Int) -> [Int] {
        stride(from: 0, to: bytes, by: Limits.chunkBytes).map { min(Limits.chunkBytes, bytes - $0) }
    }
}
