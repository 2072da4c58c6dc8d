/// Something large that one end holds and the other asks for.
public enum BulkItem: Sendable, Hashable {
    /// A stage's finished result, held by its worker.
    case result(TaskKey)
    /// An edit, held by the coordinator.
    case edit(UInt64)
}

/// First frame of everything on a bulk connection: fixed binary fields, little-endian (docs/protocol.md).
///
/// Offsets and limits are absolute, so a message that comes twice changes nothing.
public enum BulkHeader: Sendable, Equatable {
    /// A worker names its session by the ticket it was given on the control connection.
    case hello(ticket: UInt64)
    /// Send the item's bytes from `offset`, none past `limit`. Ends what an earlier `get` of the item began.
    case get(BulkItem, offset: Int, limit: Int)
    /// There is room up to `limit`.
    case credit(BulkItem, limit: Int)
    /// The item's bytes at `offset` follow as a raw frame; `sum` is their `ChunkSum`.
    case chunk(BulkItem, offset: Int, sum: UInt64)
    /// The item is not wanted any more.
    case stop(BulkItem)
    /// The item is not held (any more).
    case gone(BulkItem)

    /// "B" of "FLB".
    private static let mark: UInt8 = 0x42

    /// Whether a frame is meant to be one of these.
    public static func marks(_ frame: UnsafeRawBufferPointer) -> Bool {
        frame.count == FieldWriter.byteCount && frame[0] == 0x46 && frame[1] == 0x4C && frame[2] == mark
    }

    public func encode() -> [UInt8] {
        switch self {
        case .hello(let ticket):
            var writer = FieldWriter(mark: Self.mark, kind: 1)
            writer.put(ticket)
            return writer.finish()
        case .get(let item, let offset, let limit): return Self.encode(2, item, UInt64(offset), UInt64(limit))
        case .credit(let item, let limit): return Self.encode(3, item, 0, UInt64(limit))
        case .chunk(let item, let offset, let sum): return Self.encode(4, item, UInt64(offset), sum)
        case .stop(let item): return Self.encode(5, item, 0, 0)
        case .gone(let item): return Self.encode(6, item, 0, 0)
        }
    }

    private static func encode(_ kind: UInt8, _ item: BulkItem, _ offset: UInt64, _ value: UInt64) -> [UInt8] {
        var writer = FieldWriter(mark: mark, kind: kind)
        switch item {
        case .result(let key):
            writer.put(1)
            writer.put(key.epoch)
            writer.put(key.task)
        case .edit(let edit):
            writer.put(2)
            writer.put(0)
            writer.put(edit)
        }
        writer.put(offset)
        writer.put(value)
        return writer.finish()
    }

    /// - Throws: `ProtocolError`.
    public static func decode(_ bytes: [UInt8]) throws(ProtocolError) -> BulkHeader {
        let (kind, field) = try FieldWriter.read(bytes, mark: mark)
        if kind == 1 { return .hello(ticket: field(0)) }
        let item: BulkItem
        switch field(0) {
        case 1: item = .result(TaskKey(epoch: field(1), task: field(2)))
        case 2: item = .edit(field(2))
        default: throw .malformed("bulk item of kind \(field(0))")
        }
        func size(_ index: Int) throws(ProtocolError) -> Int {
            guard field(index) <= UInt64(Limits.bulkBytes) else {
                throw .tooLarge(what: "bulk item", bytes: Int(clamping: field(index)), limit: Limits.bulkBytes)
            }
            return Int(field(index))
        }
        switch kind {
        case 2: return .get(item, offset: try size(3), limit: try size(4))
        case 3: return .credit(item, limit: try size(4))
        case 4: return .chunk(item, offset: try size(3), sum: field(4))
        case 5: return .stop(item)
        case 6: return .gone(item)
        default: throw .malformed("bulk header of kind \(kind)")
        }
    }
}
