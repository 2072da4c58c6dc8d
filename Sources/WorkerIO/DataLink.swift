package import Protocol
import Stages
import Tensors
package import ZeroMQ

/// One direction to a neighbouring stage: packets wait here for credit, so that the peer's memory is bounded by what
/// it granted. A packet may overdraw once, so that one larger than the whole credit still moves.
struct DataLink {
    /// Bytes a receiver grants at first.
    static let initialCredit = 64 << 20
    /// Nobody grants more.
    static let mostCredit: UInt64 = 1 << 40
    /// Forward packets waiting at which the compute thread stops making more.
    static let fullAt = 2

    private(set) var waiting: [Packet] = []
    var credit = 0
    /// Packets are numbered from 1, each way: one that comes twice or after a gap (a connection broke, and another took
    /// its place) is not taken, for its task would be computed from wrong packets.
    private(set) var sent: UInt64 = 0
    private var received: UInt64 = 0

    mutating func add(_ bytes: UInt64) {
        credit = min(credit + Int(min(bytes, Self.mostCredit)), Int(Self.mostCredit))
    }
    mutating func push(_ packet: Packet) { waiting.append(packet) }
    mutating func drop(task: UInt64) { waiting.removeAll { $0.task == task } }
    mutating func reset() { self = DataLink() }

    /// The next packet that may go, with its credit taken.
    mutating func pop() -> Packet? {
        guard credit > 0, !waiting.isEmpty else { return nil }
        let packet = waiting.removeFirst()
        credit -= packet.creditBytes
        sent += 1
        return packet
    }

    /// Whether this is the next packet from the neighbour.
    mutating func accepts(_ sequence: UInt64) -> Bool {
        guard sequence == received + 1 else { return false }
        received += 1
        return true
    }
}

extension Packet {
    /// What it takes of a link's credit: its bytes, and a little for its own sake.
    var creditBytes: Int { 256 + integers.count * 4 + (payload?.byteCount ?? 0) }

    /// Header and raw frames; the payload is sent from its own memory.
    func frames(
        epoch: UInt64, sequence: UInt64
    ) throws(ProtocolError) -> (header: PacketHeader, frames: [OutgoingFrame]) {
        let bytes = payload?.byteCount ?? 0
        guard integers.count <= Limits.packetIntegers, bytes <= Limits.packetBytes, index >= 0, index <= Int(Int32.max)
        else {
            throw .tooLarge(what: "packet", bytes: bytes, limit: Limits.packetBytes)
        }
        let header = PacketHeader(
            epoch: epoch, task: task, direction: direction.rawValue, kind: kind, index: index,
            integerCount: integers.count, payloadBytes: bytes, hasPayload: payload != nil, sequence: sequence)
        var frames: [OutgoingFrame] = [.bytes(DataHeader.packet(header).encode())]
        let integerBuffer = AlignedBuffer(integers)
        for (buffer, total) in [(integerBuffer, integers.count * 4), (payload ?? integerBuffer, bytes)] {
            for start in stride(from: 0, to: total, by: Limits.chunkBytes) {
                frames.append(.slice(buffer, start..<min(total, start + Limits.chunkBytes)))
            }
        }
        return (header, frames)
    }

    /// - Throws: where the raw frames are not those the header announced.
    package init(_ header: PacketHeader, _ frames: ArraySlice<ReceivedFrame>) throws(ProtocolError) {
        guard frames.map(\.count) == header.frameSizes, let direction = Direction(rawValue: header.direction) else {
            throw .malformed("packet frames differ from their header")
        }
        let integers = AlignedBuffer(byteCount: header.integerCount * 4, zeroed: false)
        let payload = AlignedBuffer(byteCount: header.payloadBytes, zeroed: false)
        var position = 0
        for frame in frames where frame.count > 0 {
            let inPayload = position >= integers.byteCount
            let target = inPayload ? payload.address + (position - integers.byteCount) : integers.address + position
            target.copyMemory(from: frame.bytes.baseAddress!, byteCount: frame.count)
            position += frame.count
        }
        self.init(
            task: header.task, direction: direction, index: header.index, kind: header.kind,
            integers: Array(integers.int32s.prefix(header.integerCount)), payload: header.hasPayload ? payload : nil)
    }
}
