import Foundation

/// Names of hosts as addresses: libzmq binds to numbers and interfaces only, and connects to one of a name's addresses.
public enum HostAddress {
    /// A name that has no address, in one line.
    public struct Unknown: Error, Sendable, Equatable, CustomStringConvertible {
        public var description: String
    }

    /// Whether it needs no looking up: `10.0.0.1`, `[fd00::1]`, `*`.
    public static func isNumeric(_ host: String) -> Bool {
        var four = in_addr()
        var six = in6_addr()
        if host == "*" || inet_pton(AF_INET, host, &four) == 1 { return true }
        guard host.hasPrefix("["), host.hasSuffix("]") else { return false }
        // Behind a % stands an interface.
        return inet_pton(AF_INET6, String(host.dropFirst().dropLast().prefix { $0 != "%" }), &six) == 1
    }

    /// A host's addresses as endpoints have them, those of IPv4 first.
    /// - Throws: `Unknown`.
    public static func addresses(of host: String) throws(Unknown) -> [String] {
        if isNumeric(host) { return [host] }
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, nil, &hints, &list)
        guard status == 0 else {
            throw Unknown(description: "\(host): no such host: \(String(cString: gai_strerror(status)).lowercased())")
        }
        defer { freeaddrinfo(list) }
        var found: [String] = []
        var next = list
        while let info = next?.pointee {
            next = info.ai_next
            guard let text = text(info), !found.contains(text) else { continue }
            found.append(text)
        }
        guard !found.isEmpty else { throw Unknown(description: "\(host): this host has no address") }
        return found.filter { !$0.hasPrefix("[") } + found.filter { $0.hasPrefix("[") }
    }

    /// The endpoint with its host's first address in the place of its name. What is no TCP endpoint, and an interface of
    /// this machine, stay as they are.
    /// - Throws: `Unknown`.
    public static func resolved(_ endpoint: String) throws(Unknown) -> String {
        guard endpoint.hasPrefix("tcp://"), let colon = endpoint.lastIndex(of: ":") else { return endpoint }
        let host = String(endpoint[..<colon].dropFirst(6))
        guard if_nametoindex(host) == 0 else { return endpoint }
        return "tcp://\(try addresses(of: host)[0])\(endpoint[colon...])"
    }

    private static func text(_ info: addrinfo) -> String? {
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        guard getnameinfo(info.ai_addr, info.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0
        else {
            return nil
        }
        let host = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return info.ai_family == AF_INET6 ? "[\(host)]" : host
    }
}
