import Keys
import ZeroMQ

/// The connection to the coordinator: its address, its socket, and how its handshakes go.
struct CoordinatorLink {
    private(set) var endpoint: String
    private let security: SocketSecurity
    private let keyName: String?
    private let patience: Double
    private var handshakes: HandshakeWatch
    private var socket: Socket?
    private var monitor: Monitor?
    /// Connections made so far; a monitor is named after it.
    private var count = 0

    init(_ options: WorkerOptions, _ security: LinkSecurity) {
        endpoint = options.connect
        self.security = security.control
        (keyName, patience) = (options.keys?.name, options.handshakePatience)
        handshakes = HandshakeWatch(endpoint: endpoint, keyName: keyName, patience: patience)
    }

    /// To be polled.
    var sockets: [Socket] { [socket, monitor?.socket].compactMap { $0 } }

    /// What to add where no coordinator answers.
    var hint: String { handshakes.hint }

    /// - Throws: `ZeroMQError` where libzmq does not make the connection.
    mutating func connect(in context: Context) throws(ZeroMQError) {
        count += 1
        handshakes = HandshakeWatch(endpoint: endpoint, keyName: keyName, patience: patience)
        let socket = try Socket(.dealer, in: context, security: security)
        monitor = try Monitor(of: socket, in: context, name: "control-\(count)")
        try socket.connect(endpoint)
        self.socket = socket
    }

    /// Makes a new connection in place of the present one.
    /// - Parameter new: the coordinator's address.
    /// - Throws: `ZeroMQError` where libzmq does not make the connection.
    mutating func reconnect(to new: String, in context: Context) throws(ZeroMQError) {
        endpoint = new
        socket?.closeWithoutLinger()
        close()
        try connect(in: context)
    }

    /// What the socket still has to send is dropped when it is closed.
    func dropUnsent() { socket?.closeWithoutLinger() }

    mutating func close() { (socket, monitor) = (nil, nil) }

    /// The next message, or `nil` where none waits.
    /// - Throws: `ZeroMQError` where libzmq does not receive.
    func receive() throws(ZeroMQError) -> [ReceivedFrame]? { try socket?.receive() }

    /// - Throws: `ZeroMQError` where libzmq does not send.
    func send(_ frames: [OutgoingFrame]) throws(ZeroMQError) { _ = try socket?.send(frames) }

    /// What happened to the connection next, and, where waiting is of no use any more, why; `nil` where nothing happened.
    /// - Throws: `ZeroMQError` where libzmq does not receive.
    mutating func nextEvent(now: Double) throws(ZeroMQError) -> (event: ConnectionEvent, refusal: String?)? {
        guard let event = try monitor?.next() else { return nil }
        return (event, handshakes.note(event, now: now))
    }
}
