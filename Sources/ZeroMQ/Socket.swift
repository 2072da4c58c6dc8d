import CZMQ

/// What libzmq is told about every socket; the reasons are in docs/protocol.md.
public struct SocketSettings: Sendable {
    /// Frames larger than this cut the connection: a little over a chunk.
    public var maximumFrame = (1 << 20) + 4096
    public var handshakeMilliseconds = 10_000
    public var heartbeatMilliseconds = 5_000
    public var heartbeatTimeoutMilliseconds = 30_000
    public var lingerMilliseconds = 1_000
    /// Credits bound every queue below this; it is the last line of defence.
    public var highWaterMark = 20_000
    public init() {}
}

/// A ROUTER, DEALER or PAIR socket. Used by one thread only; never blocks.
public final class Socket {
    public enum Kind: Sendable { case router, dealer, pair }

    public enum SendOutcome: Sendable, Equatable {
        case sent
        /// ROUTER only: nobody has this routing id (any more).
        case unknownPeer
        /// The peer does not read; nothing was queued.
        case full
    }

    let handle: UnsafeMutableRawPointer
    private let context: Context

    /// A ROUTER is always mandatory: it never drops silently. Routing ids are never set: libzmq makes unique ones.
    /// - Throws: `ZeroMQError` where there is no socket to have, or libzmq does not take the keys.
    public init(
        _ kind: Kind, in context: Context, security: SocketSecurity = .plain,
        settings: SocketSettings = SocketSettings()
    ) throws(ZeroMQError) {
        self.context = context
        let type: Int32 =
            switch kind {
            case .router: ZMQ_ROUTER
            case .dealer: ZMQ_DEALER
            case .pair: ZMQ_PAIR
            }
        guard let handle = zmq_socket(context.handle, type) else { throw ZeroMQError("zmq_socket") }
        self.handle = handle
        set(ZMQ_LINGER, settings.lingerMilliseconds)
        guard kind != .pair else { return }
        var limit = Int64(settings.maximumFrame)
        zmq_setsockopt(handle, ZMQ_MAXMSGSIZE, &limit, 8)
        set(ZMQ_HANDSHAKE_IVL, settings.handshakeMilliseconds)
        set(ZMQ_HEARTBEAT_IVL, settings.heartbeatMilliseconds)
        set(ZMQ_HEARTBEAT_TIMEOUT, settings.heartbeatTimeoutMilliseconds)
        set(ZMQ_HEARTBEAT_TTL, settings.heartbeatTimeoutMilliseconds)
        set(ZMQ_SNDHWM, settings.highWaterMark)
        set(ZMQ_RCVHWM, settings.highWaterMark)
        set(ZMQ_RECONNECT_IVL, 100)
        set(ZMQ_RECONNECT_IVL_MAX, 3_000)
        if kind == .router { set(ZMQ_ROUTER_MANDATORY, 1) }
        try security.apply(to: handle)
    }

    deinit { zmq_close(handle) }

    public func set(_ option: Int32, _ value: Int) {
        var number = Int32(clamping: value)
        zmq_setsockopt(handle, option, &number, 4)
    }

    /// Drops what is still unsent when the socket is closed.
    public func closeWithoutLinger() { set(ZMQ_LINGER, 0) }

    /// - Returns: the endpoint it is really bound to (a wildcard port is filled in).
    /// - Throws: `ZeroMQError` where the endpoint is no address, or is taken.
    @discardableResult
    public func bind(_ endpoint: String) throws(ZeroMQError) -> String {
        if endpoint.contains("[") { set(ZMQ_IPV6, 1) }
        guard zmq_bind(handle, endpoint) == 0 else { throw ZeroMQError("bind \(endpoint)") }
        var text = [CChar](repeating: 0, count: 512)
        var size = text.count
        guard zmq_getsockopt(handle, ZMQ_LAST_ENDPOINT, &text, &size) == 0 else {
            throw ZeroMQError("bind \(endpoint)")
        }
        return String(decoding: text.prefix(max(0, size - 1)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Connects to an endpoint. libzmq tries again by itself where nobody answers.
    /// - Throws: `ZeroMQError` where the endpoint is no address.
    public func connect(_ endpoint: String) throws(ZeroMQError) {
        if endpoint.contains("[") { set(ZMQ_IPV6, 1) }
        guard zmq_connect(handle, endpoint) == 0 else { throw ZeroMQError("connect \(endpoint)") }
    }

    /// Sends all frames as one message, or nothing.
    /// - Throws: `ZeroMQError` where libzmq fails in another way than `SendOutcome` names.
    public func send(_ frames: [OutgoingFrame]) throws(ZeroMQError) -> SendOutcome {
        for (position, frame) in frames.enumerated() {
            let message = try OutgoingMessage(frame)
            while !message.send(on: handle, more: position + 1 < frames.count) {
                switch zmq_errno() {
                case EINTR: continue
                case EHOSTUNREACH: return .unknownPeer
                case EAGAIN where position == 0: return .full
                default: throw ZeroMQError("send")
                }
            }
        }
        return .sent
    }

    /// The next whole message, or `nil` where none waits.
    /// - Throws: `ZeroMQError` where libzmq does not receive.
    public func receive() throws(ZeroMQError) -> [ReceivedFrame]? {
        var frames: [ReceivedFrame] = []
        while true {
            let message = UnsafeMutablePointer<zmq_msg_t>.allocate(capacity: 1)
            zmq_msg_init(message)
            let frame = ReceivedFrame(adopting: message)
            while zmq_msg_recv(message, handle, ZMQ_DONTWAIT) < 0 {
                switch zmq_errno() {
                case EINTR: continue
                case EAGAIN: return nil
                default: throw ZeroMQError("receive")
                }
            }
            frames.append(frame)
            if !frame.more { return frames }
        }
    }
}
