import CZMQ
import Tensors

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
    /// No answer yet: asked again at every `answer`, until libzmq cuts the handshake off and the peer tries again.
    /// (ZAP's own "not now", 300, leaves both ends of libzmq 4.3.4 waiting.)
    case wait
    /// ZAP 400: the peer is told so, and its libzmq gives up.
    case refuse
}

/// The context's ZAP handler (ZeroMQ RFC 27): made before any other socket of the context, used by the thread that owns them.
public final class Authenticator {
    /// To be polled with the others.
    public let socket: Socket
    private var waiting: [(frames: [ReceivedFrame], request: HandshakeRequest, until: Double)] = []
    /// A stranger's requests must not pile up: the oldest is refused.
    private static let mostWaiting = 64

    /// - Throws: `ZeroMQError` where the context has one already.
    public init(in context: Context) throws(ZeroMQError) {
        socket = try Socket(.router, in: context)
        try socket.bind("inproc://zeromq.zap.01")
    }

    /// Answers all that wait.
    /// - Throws: `ZeroMQError` where a request cannot be received or a reply not sent.
    public func answer(_ decide: (HandshakeRequest) -> Admission) throws(ZeroMQError) {
        let now = MonotonicClock.now
        let old = waiting
        waiting = []
        for item in old {
            let admission = decide(item.request)
            if admission != .wait {
                try reply(item.frames, admission)
            } else if now < item.until {
                waiting.append(item)
            }
        }
        while let frames = try socket.receive() {
            guard frames.count >= 4 else { continue }
            guard let request = Self.request(frames) else {
                try reply(frames, .refuse)
                continue
            }
            let admission = decide(request)
            guard admission == .wait else {
                try reply(frames, admission)
                continue
            }
            if waiting.count >= Self.mostWaiting { try reply(waiting.removeFirst().frames, .refuse) }
            waiting.append((frames, request, now + Double(SocketSettings().handshakeMilliseconds) / 1000))
        }
    }

    // routing id, empty, version, request id, domain, address, peer's id, mechanism, credentials
    private static func request(_ frames: [ReceivedFrame]) -> HandshakeRequest? {
        guard frames.count == 9 else { return nil }
        let text = frames.map { String(decoding: $0.bytes, as: UTF8.self) }
        guard text[2] == "1.0", text[7] == "CURVE", let key = Z85.encode(frames[8].array) else { return nil }
        return HandshakeRequest(domain: text[4], address: text[5], publicKey: key)
    }

    private func reply(_ frames: [ReceivedFrame], _ admission: Admission) throws(ZeroMQError) {
        var (code, userID) = ("400", "")
        if case .admit(let user) = admission { (code, userID) = ("200", user) }
        // A peer that has gone meanwhile is of no interest.
        _ = try socket.send([
            .bytes(frames[0].array), .bytes([]), .bytes(Array("1.0".utf8)), .bytes(frames[3].array),
            .bytes(Array(code.utf8)), .bytes([]), .bytes(Array(userID.utf8)), .bytes([]),
        ])
    }
}
