import CZMQ

/// What libzmq noticed about a socket's connections.
public enum ConnectionEvent: Sendable, Equatable {
    case connected, accepted, disconnected
    /// With libzmq's code: 300, 400 and 500 are ZAP's refusals.
    case handshakeFailed(code: Int)
    /// The other side went away before it had said who it is: a worker's probe, a port scan.
    case handshakeAbandoned
    case other(Int)
}

/// Listens to one socket's connection events.
public final class Monitor {
    public let socket: Socket

    /// - Parameter name: unique in the context.
    public init(of watched: Socket, in context: Context, name: String) throws(ZeroMQError) {
        let events =
            ZMQ_EVENT_CONNECTED | ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL
            | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH
        let address = "inproc://monitor-\(name)"
        guard zmq_socket_monitor(watched.handle, address, events) == 0 else { throw ZeroMQError("zmq_socket_monitor") }
        socket = try Socket(.pair, in: context)
        try socket.connect(address)
    }

    public func next() throws(ZeroMQError) -> ConnectionEvent? {
        guard let frames = try socket.receive() else { return nil }
        guard let first = frames.first, first.count >= 6 else { return .other(0) }
        let event = Int32(first.bytes.loadUnaligned(fromByteOffset: 0, as: UInt16.self))
        let value = Int(first.bytes.loadUnaligned(fromByteOffset: 2, as: UInt32.self))
        switch event {
        case ZMQ_EVENT_CONNECTED: return .connected
        case ZMQ_EVENT_ACCEPTED: return .accepted
        case ZMQ_EVENT_DISCONNECTED: return .disconnected
        case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL: return .handshakeAbandoned
        case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
            return .handshakeFailed(code: value)
        default: return .other(Int(event))
        }
    }
}
