import Protocol
import Stages
import ZeroMQ

/// The links to the neighbouring stages: the connection to the next one, the address of the previous one, and the packets
/// for both, which wait here for credit.
struct StageLinks {
    /// To the next stage; `nil` for the last one.
    private(set) var forward: Socket?
    /// The previous stage's routing id, when it has said hello.
    private(set) var peer: [UInt8]?
    /// Previous stages whose hello came before this worker's own assignment, by their epoch.
    private var early: [UInt64: Greeting] = [:]
    private var outgoing = DataLink()
    private var returning = DataLink()
    /// Packets sent or received.
    private(set) var moved: UInt64 = 0

    /// What a previous stage says first.
    struct Greeting {
        var peer: [UInt8]
        /// Bytes that may be sent back to it.
        var credit: UInt64
    }

    private static let mostEarly = 64

    // MARK: Neighbours

    /// Opens the connection to the next stage.
    /// - Throws: `ZeroMQError` where libzmq does not make it.
    mutating func open(_ next: String, in context: Context, security: SocketSecurity) throws(ZeroMQError) {
        let socket = try Socket(.dealer, in: context, security: security)
        try socket.connect(next)
        forward = socket
    }

    /// The previous stage is there.
    mutating func greeted(_ greeting: Greeting) {
        peer = greeting.peer
        returning.credit = Int(min(greeting.credit, DataLink.mostCredit))
    }

    /// A stage of a later epoch is there.
    mutating func keep(_ greeting: Greeting, of epoch: UInt64) {
        if early.count < Self.mostEarly { early[epoch] = greeting }
    }

    /// The greeting of an epoch that begins; those of earlier ones are forgotten.
    mutating func takeEarly(of epoch: UInt64) -> Greeting? {
        defer { early = early.filter { $0.key > epoch } }
        return early[epoch]
    }

    /// Leaves both neighbours.
    mutating func reset() {
        outgoing.reset()
        returning.reset()
        peer = nil
        close()
    }

    mutating func forgetEarly() { early = [:] }

    mutating func close() {
        forward?.closeWithoutLinger()
        forward = nil
    }

    // MARK: Packets

    /// So much waits for the next stage that no more is to be computed for it.
    var isFull: Bool { outgoing.waiting.count >= DataLink.fullAt }

    mutating func push(_ packet: Packet) {
        if packet.direction == .forward { outgoing.push(packet) } else { returning.push(packet) }
    }

    mutating func drop(task: UInt64) {
        outgoing.drop(task: task)
        returning.drop(task: task)
    }

    /// - Parameter sender: the previous stage; `nil` for the next one. Credit of anybody else is dropped.
    mutating func add(credit bytes: UInt64, from sender: [UInt8]?) {
        if sender == nil { outgoing.add(bytes) } else if sender == peer { returning.add(bytes) }
    }

    /// The next packet that may go now, its number, and to whom: `nil` for the next stage.
    mutating func next() -> (packet: Packet, sequence: UInt64, peer: [UInt8]?)? {
        if forward != nil, let packet = outgoing.pop() {
            moved += 1
            return (packet, outgoing.sent, nil)
        }
        if let peer, let packet = returning.pop() {
            moved += 1
            return (packet, returning.sent, peer)
        }
        return nil
    }

    /// Whether a packet is the next one from that neighbour.
    /// - Parameter sender: the previous stage; `nil` for the next one.
    mutating func accepts(_ header: PacketHeader, of epoch: UInt64, from sender: [UInt8]?) -> Bool {
        moved += 1
        guard header.epoch == epoch, sender == nil || sender == peer,
            header.direction == (sender == nil ? Packet.Direction.backward : .forward).rawValue
        else { return false }
        return sender == nil ? outgoing.accepts(header.sequence) : returning.accepts(header.sequence)
    }
}
