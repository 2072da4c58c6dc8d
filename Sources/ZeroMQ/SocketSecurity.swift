import CZMQ

/// Who may talk through a socket, and whether others can listen.
public enum SocketSecurity: Sendable, Equatable {
    /// Neither encrypted nor authenticated: for sockets of one machine.
    case plain
    /// Encrypted; whom the context's `Authenticator` admits to this domain may connect, nobody else.
    case server(CurveKeyPair, domain: String)
    /// Encrypted; connects as the owner of this pair, to the owner of that public key and to nobody else.
    case client(CurveKeyPair, server: String)

    /// Has a socket without an answering handler refuse everybody (`ZMQ_ZAP_ENFORCE_DOMAIN`). The header shows the name to
    /// draft builds only; the library takes the number in every build of 4.3.
    private static let enforceDomain: Int32 = 93

    /// Before bind and connect.
    /// - Throws: `ZeroMQError` where libzmq does not take a setting: the socket must not be used.
    func apply(to handle: UnsafeMutableRawPointer) throws(ZeroMQError) {
        switch self {
        case .plain: return
        case .server(let pair, let domain):
            try set(handle, ZMQ_CURVE_SERVER, 1, "CURVE server")
            try set(handle, ZMQ_CURVE_SECRETKEY, pair.secretKey, "CURVE secret key")
            try set(handle, ZMQ_ZAP_DOMAIN, domain, "ZAP domain")
            try set(handle, Self.enforceDomain, 1, "ZAP enforcement")
        case .client(let pair, let server):
            try set(handle, ZMQ_CURVE_SERVERKEY, server, "CURVE server key")
            try set(handle, ZMQ_CURVE_PUBLICKEY, pair.publicKey, "CURVE public key")
            try set(handle, ZMQ_CURVE_SECRETKEY, pair.secretKey, "CURVE secret key")
        }
    }

    private func set(
        _ handle: UnsafeMutableRawPointer, _ option: Int32, _ value: Int32, _ name: String
    ) throws(ZeroMQError) {
        var value = value
        guard zmq_setsockopt(handle, option, &value, 4) == 0 else { throw ZeroMQError(name) }
    }

    private func set(
        _ handle: UnsafeMutableRawPointer, _ option: Int32, _ value: String, _ name: String
    ) throws(ZeroMQError) {
        guard zmq_setsockopt(handle, option, value, value.utf8.count) == 0 else { throw ZeroMQError(name) }
    }
}
