import Foundation
import Tensors

/// What one address said.
package enum ProbeAnswer: Sendable, Equatable {
    /// A ZeroMQ program answers there; `localHost` is this machine's address on the way to it, as in an endpoint, and `at`
    /// the endpoint with the address that answered, where a name was asked for.
    case answers(localHost: String, at: String? = nil)
    case fails(String)
}

/// A short TCP connection that finds out whether something that speaks ZeroMQ listens at an address.
package enum TCPProbe {
    /// - Parameters:
    ///   - endpoint: `tcp://host:port`.
    ///   - seconds: for each address the host's name has.
    package static func ask(_ endpoint: String, seconds: Double = 2) -> ProbeAnswer {
        let address = endpoint.dropFirst(6)
        guard endpoint.hasPrefix("tcp://"), let colon = address.lastIndex(of: ":") else {
            return .fails("not a TCP address")
        }
        var host = address[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(String(host), String(address[address.index(after: colon)...]), &hints, &list)
        guard status == 0 else { return .fails(String(cString: gai_strerror(status))) }
        defer { freeaddrinfo(list) }
        var answer = ProbeAnswer.fails("has no address")
        var next = list
        while let info = next?.pointee {
            next = info.ai_next
            answer = ask(info, until: now + seconds)
            guard case .answers(let local, _) = answer else { continue }
            let numeric = Self.host(info.ai_addr, info.ai_addrlen).map { "tcp://\($0)\(address[colon...])" }
            return .answers(localHost: local, at: numeric == endpoint ? nil : numeric)
        }
        return answer
    }

    private static func ask(_ info: addrinfo, until deadline: Double) -> ProbeAnswer {
        let descriptor = socket(
            info.ai_family, info.ai_socktype | Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), info.ai_protocol)
        guard descriptor >= 0 else { return .fails(reason(errno)) }
        defer { close(descriptor) }
        if connect(descriptor, info.ai_addr, info.ai_addrlen) != 0 {
            guard errno == EINPROGRESS else { return .fails(reason(errno)) }
            guard wait(descriptor, POLLOUT, until: deadline) else { return .fails("no answer") }
            var fault: Int32 = 0
            var size = socklen_t(4)
            getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &fault, &size)
            guard fault == 0 else { return .fails(reason(fault)) }
        }
        // Every ZeroMQ peer opens with ff, eight bytes, 7f (ZMTP 3, "signature").
        var greeting: [UInt8] = []
        while greeting.count < 10 {
            guard wait(descriptor, POLLIN, until: deadline) else { return .fails("accepts, but says nothing") }
            var buffer = [UInt8](repeating: 0, count: 10 - greeting.count)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count < 0, errno == EINTR || errno == EAGAIN { continue }
            guard count > 0 else { return .fails(count == 0 ? "hangs up" : reason(errno)) }
            greeting += buffer.prefix(count)
        }
        guard greeting[0] == 0xFF, greeting[9] == 0x7F else { return .fails("is some other program") }
        guard let local = localHost(of: descriptor) else { return .fails(reason(errno)) }
        return .answers(localHost: local)
    }

    private static func localHost(of descriptor: Int32) -> String? {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getsockname(descriptor, $0, &size) == 0 ? host($0, size) : nil
            }
        }
    }

    /// As in an endpoint.
    private static func host(_ address: UnsafePointer<sockaddr>, _ size: socklen_t) -> String? {
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        guard getnameinfo(address, size, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0 else { return nil }
        let host = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return host.contains(":") ? "[\(host)]" : host
    }

    private static func wait(_ descriptor: Int32, _ event: Int32, until deadline: Double) -> Bool {
        while true {
            var item = pollfd(fd: descriptor, events: Int16(event), revents: 0)
            let left = deadline - now
            guard left > 0 else { return false }
            let count = poll(&item, 1, Int32(left * 1000) + 1)
            if count > 0 { return true }
            if count < 0, errno != EINTR { return false }
        }
    }

    private static func reason(_ code: Int32) -> String { String(cString: strerror(code)).lowercased() }

    private static var now: Double { MonotonicClock.now }
}
