import Bulk
import Protocol
import Tensors
import ZeroMQ

/// The worker's end of its bulk connection: a second way to the coordinator's control socket, opened when that asks for it.
///
/// A connection that broke, or on which nothing moves, is replaced by a new one; both ends then go on at the chunk.
final class BulkClient {
    struct IncomingEdit {
        var offer: EditOffer
        var bytes: AlignedBuffer
        var digest = StreamingDigest()
        var received = 0
    }

    /// Seconds without a byte that is due, and between two connections.
    static let patience = 15.0
    static let pause = 0.25

    private(set) var socket: Socket?
    private var monitor: Monitor?
    private var ticket: UInt64?
    private var openAt = 0.0
    private var count = 0
    private var sender = BulkSender()
    private var receiver = BulkReceiver()
    private var edit: IncomingEdit?
    /// Tests: what the link does to messages.
    var faults: LinkFaults?
    /// Chunks sent or received.
    private(set) var moved: UInt64 = 0

    var sockets: [Socket] { [socket, monitor?.socket].compactMap { $0 } }

    /// The coordinator wants a (new) connection.
    func ask(ticket: UInt64) {
        disconnect()
        (self.ticket, openAt) = (ticket, 0)
    }

    /// Until it is asked for again.
    func close() {
        disconnect()
        (ticket, edit) = (nil, nil)
        receiver = BulkReceiver()
    }

    private func disconnect() {
        socket?.closeWithoutLinger()
        (monitor, socket) = (nil, nil)
        sender.drop()
        receiver.unlink(0, now: 0)
    }

    /// The edit on its way is not wanted any more.
    func callOff() {
        if let edit { receiver.close(BulkPath(.edit(edit.offer.edit))) }
        edit = nil
    }

    func expect(_ offer: EditOffer, now: Double) {
        callOff()
        edit = IncomingEdit(offer: offer, bytes: AlignedBuffer(byteCount: offer.byteCount, zeroed: false))
        receiver.open(BulkPath(.edit(offer.edit)), byteCount: offer.byteCount, from: 0, now: now)
    }

    /// Opens the connection where one is asked for, and replaces one that is of no use any more.
    func keepOpen(_ endpoint: String, in context: Context, security: SocketSecurity, now: Double) throws {
        guard let ticket else { return }
        while let event = try monitor?.next() {
            if case .disconnected = event { disconnect() }
        }
        if receiver.stalled(now: now, after: Self.patience).contains(0) { disconnect() }
        guard socket == nil, now >= openAt else { return }
        openAt = now + Self.pause
        count += 1
        var settings = SocketSettings()
        // Bytes that come or do not come are what it is judged by.
        settings.heartbeatMilliseconds = 0
        let socket = try Socket(.dealer, in: context, security: security, settings: settings)
        monitor = try Monitor(of: socket, in: context, name: "bulk-\(count)")
        try socket.connect(endpoint)
        self.socket = socket
        _ = try send([.bytes(BulkHeader.hello(ticket: ticket).encode())])
        receiver.link(0, now: now)
    }

    /// - Returns: the edit, when its last byte has come.
    func take(_ header: BulkHeader, _ frames: ArraySlice<ReceivedFrame>, now: Double) -> IncomingEdit? {
        guard case .chunk(let item, let offset, let sum) = header else {
            sender.take(header)
            return nil
        }
        let path = BulkPath(item)
        guard frames.count == 1, let frame = frames.last, edit.map({ BulkItem.edit($0.offer.edit) }) == item,
            receiver.take(path, offset: offset, count: frame.count, now: now)
        else { return nil }
        guard ChunkSum.of(frame.bytes) == sum else {
            receiver.rewind(path, to: offset, now: now)
            return nil
        }
        (edit!.bytes.address + offset).copyMemory(from: frame.bytes.baseAddress!, byteCount: frame.count)
        edit!.digest.update(frame.bytes)
        edit!.received += frame.count
        moved += 1
        receiver.settle(path, count: frame.count)
        guard receiver.isComplete(path) else { return nil }
        receiver.close(path)
        defer { edit = nil }
        return edit
    }

    private func send(_ frames: [OutgoingFrame]) throws -> Socket.SendOutcome {
        guard let socket else { return .full }
        guard let faults, case .bytes(let head) = frames[0] else { return try socket.send(frames) }
        LinkFaults.pass(faults, try BulkHeader.decode(head)) { _ = try? socket.send(frames) }
        return .sent
    }

    /// - Parameter image: the bytes of a result that is held.
    func pump(image: (BulkPath) -> TensorBundle.Image?) throws {
        guard socket != nil else { return }
        for (_, header) in receiver.grants() { _ = try send([.bytes(header.encode())]) }
        try sender.pump(image: image) { _, frames in
            let outcome = try send(frames)
            if outcome == .sent, frames.count > 1 {
                moved += 1
                FaultInjection.reached("transfer")
            }
            return outcome
        }
    }
}
