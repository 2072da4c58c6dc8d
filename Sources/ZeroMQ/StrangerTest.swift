import Tensors

/// Whether a socket really refuses who has no business there, tried out at start.
public enum StrangerTest {
    /// What is wrong with the door; the program must not run.
    public enum Fault: Error, Sendable, Equatable, CustomStringConvertible {
        case admitted
        case notAsked
        case untried(String)

        public var description: String {
            switch self {
            case .admitted: "self-test of the keys: this libzmq let an unknown key in; not running"
            case .notAsked: "self-test of the keys: libzmq asks nobody who may come in; not running"
            case .untried(let why): "self-test of the keys: cannot reach the own socket (\(why)); not running"
            }
        }
    }

    /// Knocks at a bound CURVE socket with a key that nobody knows.
    /// - Parameters:
    ///   - endpoint: as `bind` returned it.
    ///   - stranger: made for this alone, before the context.
    ///   - server: the socket's public key.
    ///   - authenticator: the context's; `nil` where it is missing, which is a fault.
    /// - Throws: `Fault`.
    public static func run(
        _ endpoint: String, in context: Context, stranger: CurveKeyPair, server: String,
        authenticator: Authenticator?, seconds: Double = 10, decide: (HandshakeRequest) -> Admission
    ) throws(Fault) {
        let fault: Fault?
        do throws(ZeroMQError) {
            fault = try knock(endpoint, context, stranger, server, authenticator, seconds, decide)
        } catch { fault = .untried("\(error)") }
        if let fault { throw fault }
    }

    private static func knock(
        _ endpoint: String, _ context: Context, _ stranger: CurveKeyPair, _ server: String,
        _ authenticator: Authenticator?, _ seconds: Double, _ decide: (HandshakeRequest) -> Admission
    ) throws(ZeroMQError) -> Fault? {
        let socket = try Socket(.dealer, in: context, security: .client(stranger, server: server))
        defer { socket.closeWithoutLinger() }
        let monitor = try Monitor(of: socket, in: context, name: "stranger")
        try socket.connect(reachable(endpoint))
        let deadline = MonotonicClock.now + seconds
        var (connected, asked) = (false, false)
        while MonotonicClock.now < deadline {
            Poller.wait([monitor.socket] + (authenticator.map { [$0.socket] } ?? []), milliseconds: 50)
            try authenticator?.answer { request in
                asked = asked || request.publicKey == stranger.publicKey
                return decide(request)
            }
            while let event = try monitor.next() {
                switch event {
                case .connected: connected = true
                case .handshakeSucceeded: return .admitted
                case .handshakeFailed: return asked ? nil : .notAsked
                default: continue
                }
            }
        }
        // Without a handler libzmq may just keep quiet.
        if connected, !asked { return .notAsked }
        return .untried("no handshake within \(Int(seconds)) s")
    }

    /// Where a socket that is bound to all interfaces can be reached from here.
    private static func reachable(_ endpoint: String) -> String {
        for (all, one) in [("tcp://0.0.0.0:", "tcp://127.0.0.1:"), ("tcp://[::]:", "tcp://[::1]:")]
        where endpoint.hasPrefix(all) { return one + endpoint.dropFirst(all.count) }
        return endpoint
    }
}
