import Foundation
import Tensors

/// Why a server cannot listen, or a client got no answer.
public enum HTTPError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Another program listens there.
    case inUse
    /// No such host, no such address here, nobody answers: in the system's words.
    case unreachable(String)
    case timeout
    /// Something answers, but not as an HTTP server does.
    case garbled(String)

    public var description: String {
        switch self {
        case .inUse: "another program listens there already"
        case .unreachable(let reason): reason
        case .timeout: "no answer in time"
        case .garbled(let reason): reason
        }
    }
}

/// TCP sockets that never wait.
enum TCPSocket {
    struct Listener {
        var descriptor: Int32
        var host: String
        var port: UInt16
        var isLoopback: Bool
    }

    enum Accepted {
        case connection(Int32, peer: String)
        case none
        /// No descriptors, or no memory, are left.
        case exhausted
    }

    static func listen(host: String, port: UInt16) throws(HTTPError) -> Listener {
        try withAddress(host, "\(port)", passive: true) { info throws(HTTPError) in
            let descriptor = make(info)
            guard descriptor >= 0 else { throw HTTPError.unreachable(reason(errno)) }
            var yes: Int32 = 1
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, 4)
            guard bind(descriptor, info.ai_addr, info.ai_addrlen) == 0, Glibc.listen(descriptor, 64) == 0,
                let own = numeric(of: descriptor, getsockname)
            else {
                let code = errno
                close(descriptor)
                throw code == EADDRINUSE ? HTTPError.inUse : HTTPError.unreachable(reason(code))
            }
            return Listener(
                descriptor: descriptor, host: own.host, port: own.port,
                isLoopback: own.host == "::1" || own.host.hasPrefix("127."))
        }
    }

    static func accept(_ listener: Int32) -> Accepted {
        while true {
            let descriptor = Glibc.accept(listener, nil, nil)
            if descriptor < 0 {
                switch errno {
                case EINTR, ECONNABORTED: continue
                case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .exhausted
                default: return .none
                }
            }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            guard fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0 else {
                close(descriptor)
                continue
            }
            return .connection(descriptor, peer: numeric(of: descriptor, getpeername)?.host ?? "?")
        }
    }

    /// Connects within the time left.
    static func connect(host: String, port: UInt16, until deadline: Double) throws(HTTPError) -> Int32 {
        try withAddress(host, "\(port)", passive: false) { info throws(HTTPError) in
            let descriptor = make(info)
            guard descriptor >= 0 else { throw HTTPError.unreachable(reason(errno)) }
            do throws(HTTPError) {
                if Glibc.connect(descriptor, info.ai_addr, info.ai_addrlen) != 0 {
                    guard errno == EINPROGRESS else { throw HTTPError.unreachable(reason(errno)) }
                    try wait(descriptor, POLLOUT, until: deadline)
                    var fault: Int32 = 0
                    var size = socklen_t(4)
                    getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &fault, &size)
                    guard fault == 0 else { throw HTTPError.unreachable(reason(fault)) }
                }
                return descriptor
            } catch {
                close(descriptor)
                throw error
            }
        }
    }

    static func wait(_ descriptor: Int32, _ event: Int32, until deadline: Double) throws(HTTPError) {
        while true {
            let left = deadline - MonotonicClock.now
            guard left > 0 else { throw .timeout }
            var item = pollfd(fd: descriptor, events: Int16(event), revents: 0)
            if poll(&item, 1, Int32(left * 1000) + 1) > 0 { return }
        }
    }

    /// Bytes taken, or -1 and `errno`; never SIGPIPE.
    static func send(_ descriptor: Int32, _ bytes: [UInt8], from start: Int) -> Int {
        bytes.withUnsafeBytes {
            Glibc.send(descriptor, $0.baseAddress! + start, $0.count - start, Int32(MSG_NOSIGNAL))
        }
    }

    static func reason(_ code: Int32) -> String { String(cString: strerror(code)).lowercased() }

    private static func make(_ info: addrinfo) -> Int32 {
        socket(
            info.ai_family, info.ai_socktype | Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), info.ai_protocol)
    }

    /// The first of the host's addresses for which `body` succeeds.
    private static func withAddress<R>(
        _ host: String, _ port: String, passive: Bool, _ body: (addrinfo) throws(HTTPError) -> R
    ) throws(HTTPError) -> R {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0)
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, port, &hints, &list)
        guard status == 0 else { throw .unreachable(String(cString: gai_strerror(status)).lowercased()) }
        defer { freeaddrinfo(list) }
        var failure = HTTPError.unreachable("has no address")
        var next = list
        while let info = next?.pointee {
            next = info.ai_next
            do throws(HTTPError) { return try body(info) } catch { failure = error }
        }
        throw failure
    }

    private static func numeric(
        of descriptor: Int32,
        _ ask: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> (host: String, port: UInt16)? {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        var service = [CChar](repeating: 0, count: 32)
        let found = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                ask(descriptor, address, &size) == 0
                    && getnameinfo(
                        address, size, &host, socklen_t(host.count), &service, socklen_t(service.count),
                        NI_NUMERICHOST | NI_NUMERICSERV) == 0
            }
        }
        guard found, let port = UInt16(text(service)) else { return nil }
        return (text(host), port)
    }

    private static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
