import CZMQ

/// A handshake that asks to be let in.
public struct HandshakeRequest: Sendable, Equatable {
    public var domain: String
    /// The peer's IP address.
    public var address: String
    /// In Z85; proven: the peer holds its secret half.
    public var publicKey: String
}

/// The answer to a handshake.
public enum Admission: Sendable, Equatable {
    /// Every message of the connection carries this text (`ReceivedFrame.userID`).
    case admit(userID: String)
    /// ZAP 300: the peer is cut off without a word, and its libzmq tries again.
    case notNow
    /// ZAP 400: the peer is told so, and its libzmq gives up.
    case refuse
}

/// The context's ZAP handler (ZeroMQ RFC 27): made before any other socket of the context, used by the thread that owns them.
public final class Authenticator {
    /// To be polled with the others.
    public let socket: Socket

    /// - Throws: `ZeroMQError` where the context has one already.
    public init(in context: Context) throws(ZeroMQError) {
        socket = try Socket(.router, in: context)
        try socket.bind("inproc://zeromq.zap.01")
    }

    /// Answers all that wait.
    public func answer(_ decide: (HandshakeRequest) -> Admission) throws(ZeroMQError) {
        while let frames = try socket.receive() { try answer(frames, decide) }
    }

    // routing id, empty, version, request id, domain, address, peer's id, mechanism, credentials
    private func answer(_ frames: [ReceivedFrame], _ decide: (HandshakeRequest) -> Admission) throws(ZeroMQError) {
        guard frames.count >= 4 else { return }
        let text = frames.map { String(decoding: $0.bytes, as: UTF8.self) }
        var code = "400"
        var userID = ""
        if frames.count == 9, text[2] == "1.0", text[7] == "CURVE", let key = Z85.encode(frames[8].array) {
            switch decide(HandshakeRequest(domain: text[4], address: text[5], publicKey: key)) {
            case .admit(let user): (code, userID) = ("200", user)
            case .notNow: code = "300"
            case .refuse: break
            }
        }
        // A peer that has gone meanwhile is of no interest.
        _ = try socket.send([
            .bytes(frames[0].array), .bytes([]), .bytes(Array("1.0".utf8)), .bytes(frames[3].array),
            .bytes(Array(code.utf8)), .bytes([]), .bytes(Array(userID.utf8)), .bytes([]),
        ])
    }
}
