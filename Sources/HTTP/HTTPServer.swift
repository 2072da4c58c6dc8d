import Foundation
import Tensors

/// A small HTTP/1.1 server for pages that strangers may ask for: GET and HEAD, one request a connection, one thread that
/// owns all sockets, and a bound on everything a client can make it hold or wait for.
public final class HTTPServer: @unchecked Sendable {
    public struct Limits: Sendable {
        /// Open at a time; where there are more, the one that has been silent longest goes.
        public var connections = 64
        public var headBytes = 8192
        /// For a request to be complete, and for its answer to be taken, in seconds.
        public var requestSeconds = 5.0
        public var answerSeconds = 15.0
        public init() {}
    }

    /// Called on the server's thread.
    public typealias Respond = @Sendable (_ request: HTTPRequest, _ peer: String) -> HTTPResponse

    /// Where it listens: a numeric host and the port, also where 0 was asked for.
    public let host: String
    public let port: UInt16
    public let isLoopback: Bool
    private let limits: Limits
    private let respond: Respond
    private let lock = NSLock()
    private var listener: Int32
    private var isStopping = false
    private var hasStarted = false
    private let ended = DispatchSemaphore(value: 0)

    /// Listens; answers from `start` on.
    /// - Parameters:
    ///   - host: a name or an address of this machine.
    ///   - port: 0: any free one.
    /// - Throws: `HTTPError`.
    public init(host: String, port: UInt16, limits: Limits = Limits(), respond: @escaping Respond) throws(HTTPError) {
        let socket = try TCPSocket.listen(host: host, port: port)
        (listener, self.host, self.port, isLoopback) = (socket.descriptor, socket.host, socket.port, socket.isLoopback)
        (self.limits, self.respond) = (limits, respond)
    }

    deinit { if listener >= 0 { close(listener) } }

    public func start() {
        hasStarted = true
        let thread = Thread { [self] in
            serve()
            ended.signal()
        }
        thread.name = "status page"
        thread.start()
    }

    /// Returns when the sockets are closed.
    public func stop() {
        lock.withLock { isStopping = true }
        if hasStarted {
            ended.wait()
            hasStarted = false
        }
        if listener >= 0 { close(listener) }
        listener = -1
    }

    private func serve() {
        var connections: [HTTPConnection] = []
        var acceptsAgain = 0.0
        while !lock.withLock({ isStopping }) {
            let began = MonotonicClock.now
            var items = connections.map { pollfd(fd: $0.descriptor, events: $0.awaited, revents: 0) }
            let listens = began >= acceptsAgain
            if listens { items.append(pollfd(fd: listener, events: Int16(POLLIN), revents: 0)) }
            poll(&items, UInt(items.count), 100)
            let now = MonotonicClock.now
            for (connection, item) in zip(connections, items) where item.revents != 0 {
                connection.move(limits, respond)
            }
            for connection in connections { connection.checkDeadline(now, limits) }
            connections.removeAll(where: \.isOver)
            guard listens, items.last?.revents != 0 else { continue }
            if !accept(into: &connections, now) { acceptsAgain = now + 1 }
        }
    }

    /// - Returns: `false` where this program has no descriptors left: those of the fleet come first.
    private func accept(into connections: inout [HTTPConnection], _ now: Double) -> Bool {
        for _ in 0..<limits.connections {
            switch TCPSocket.accept(listener) {
            case .connection(let descriptor, let peer):
                if connections.count >= limits.connections {
                    let oldest = connections.indices.min { connections[$0].since < connections[$1].since }!
                    connections.remove(at: oldest).end()
                }
                connections.append(HTTPConnection(descriptor, peer: peer, now: now, limits))
            case .none: return true
            case .exhausted: return false
            }
        }
        return true
    }
}

/// One client: its request as it comes, then its answer as it goes. Used by the server's thread.
final class HTTPConnection {
    private enum Stage { case request, answer, farewell }

    let descriptor: Int32
    let since: Double
    private let peer: String
    private var stage = Stage.request
    private var deadline: Double
    private var bytes: [UInt8] = []
    private var sent = 0
    private(set) var isOver = false

    init(_ descriptor: Int32, peer: String, now: Double, _ limits: HTTPServer.Limits) {
        (self.descriptor, self.peer, since, deadline) = (descriptor, peer, now, now + limits.requestSeconds)
    }

    deinit { end() }

    func end() {
        guard !isOver else { return }
        isOver = true
        close(descriptor)
    }

    var awaited: Int16 { Int16(stage == .answer ? POLLOUT : POLLIN) }

    func checkDeadline(_ now: Double, _ limits: HTTPServer.Limits) {
        guard !isOver, now >= deadline else { return }
        guard stage == .request else { return end() }
        answer(.text(408, "the request took too long"), headOnly: false, limits)
        write()
    }

    /// Reads or writes what can be without waiting.
    func move(_ limits: HTTPServer.Limits, _ respond: HTTPServer.Respond) {
        switch stage {
        case .request: read(limits, respond)
        case .answer: write()
        case .farewell:
            // What still comes is thrown away: a connection closed over unread bytes would lose its answer.
            if let more = receive(), more.isEmpty { end() }
        }
    }

    /// - Returns: `nil` where there is nothing to read yet; empty at the end.
    private func receive() -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count < 0 { return errno == EAGAIN || errno == EINTR ? nil : [] }
        return Array(buffer.prefix(count))
    }

    private func read(_ limits: HTTPServer.Limits, _ respond: HTTPServer.Respond) {
        guard let more = receive() else { return }
        guard !more.isEmpty else { return end() }
        bytes += more
        do throws(HTTPFault) {
            guard let request = try HTTPRequest.parse(bytes) else {
                guard bytes.count <= limits.headBytes else { throw HTTPFault(431, "the request is too long") }
                return
            }
            guard bytes.count <= limits.headBytes else { throw HTTPFault(431, "the request is too long") }
            let headOnly = request.method == "HEAD"
            guard headOnly || request.method == "GET" else {
                let refusal = HTTPResponse.text(405, "GET and HEAD are all there is")
                return answer(refusal, headOnly: false, limits)
            }
            answer(respond(request, peer), headOnly: headOnly, limits)
        } catch { answer(.text(error.status, error.reason), headOnly: false, limits) }
        write()
    }

    private func answer(_ response: HTTPResponse, headOnly: Bool, _ limits: HTTPServer.Limits) {
        bytes = response.encoded(headOnly: headOnly)
        (stage, deadline) = (.answer, MonotonicClock.now + limits.answerSeconds)
    }

    private func write() {
        while sent < bytes.count {
            let count = TCPSocket.send(descriptor, bytes, from: sent)
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { return }
            guard count > 0 else { return end() }
            sent += count
        }
        shutdown(descriptor, Int32(SHUT_WR))
        (stage, deadline, bytes) = (.farewell, MonotonicClock.now + 1, [])
    }
}
