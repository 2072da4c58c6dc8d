import CZMQ

/// What libzmq noticed about a socket's connections.
public enum ConnectionEvent: Sendable, Equatable {
    case connected, disconnected
    /// By a listening socket; with the connection's descriptor.
    case accepted(Int32)
    /// Both ends have agreed; with CURVE: the server's handler has admitted the client.
    case handshakeSucceeded
    case handshakeFailed(HandshakeFailure)
    case other(Int)
}

/// Why two ends could not agree.
public enum HandshakeFailure: Sendable, Equatable {
    /// The server's handler said no: 300 (not now), 400 (this key is refused), 500 (it could not decide).
    case refused(status: Int)
    /// One end uses keys, the other does not.
    case mechanism
    /// Seen by the server: the client holds another server key than this one.
    case serverKey
    /// The other end talks something else; with libzmq's code.
    case badProtocol(Int)
    /// The other end closed the connection in the middle: what a client sees of most refusals.
    case cut
}

/// Listens to one socket's connection events.
public final class Monitor {
    public let socket: Socket
    private let watched: Socket

    /// - Parameter name: unique in the context.
    /// - Throws: `ZeroMQError` where libzmq does not watch the socket.
    public init(of watched: Socket, in context: Context, name: String) throws(ZeroMQError) {
        let events =
            ZMQ_EVENT_CONNECTED | ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED
            | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
            | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH
        let address = "inproc://monitor-\(name)"
        guard zmq_socket_monitor(watched.handle, address, events) == 0 else { throw ZeroMQError("zmq_socket_monitor") }
        self.watched = watched
        socket = try Socket(.pair, in: context)
        // libzmq's I/O thread stands still where it cannot deliver an event: no bound, the owner reads them all.
        socket.set(ZMQ_RCVHWM, 0)
        try socket.connect(address)
    }

    /// Ends the events before their receiver goes: with nobody to deliver to, libzmq's I/O thread would wait for ever.
    deinit { zmq_socket_monitor(watched.handle, nil, 0) }

    /// The next event of the watched socket, or `nil` where none waits.
    /// - Throws: `ZeroMQError` where libzmq does not receive.
    public func next() throws(ZeroMQError) -> ConnectionEvent? {
        guard let frames = try socket.receive() else { return nil }
        guard let first = frames.first, first.count >= 6 else { return .other(0) }
        let event = Int32(first.bytes.loadUnaligned(fromByteOffset: 0, as: UInt16.self))
        let value = Int(first.bytes.loadUnaligned(fromByteOffset: 2, as: UInt32.self))
        switch event {
        case ZMQ_EVENT_CONNECTED: return .connected
        case ZMQ_EVENT_ACCEPTED: return .accepted(Int32(truncatingIfNeeded: value))
        case ZMQ_EVENT_DISCONNECTED: return .disconnected
        case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: return .handshakeSucceeded
        case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL: return .handshakeFailed(.cut)
        case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: return .handshakeFailed(.refused(status: value))
        case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
            switch Int32(truncatingIfNeeded: value) {
            case ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH: return .handshakeFailed(.mechanism)
            case ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC: return .handshakeFailed(.serverKey)
            default: return .handshakeFailed(.badProtocol(value))
            }
        default: return .other(Int(event))
        }
    }
}
