import Foundation
import Tensors

/// One address of this machine.
package struct NetworkAddress: Sendable, Equatable {
    package var interface: String
    /// As in an endpoint: `10.0.0.1`, `[fd00::1]`.
    package var host: String
    package var isLoopback = false
    /// A bridge to containers or virtual machines: other machines usually cannot reach it.
    package var isBridge = false
    package var hasDefaultRoute = false
    package var isIPv6: Bool { host.hasPrefix("[") }

    package init(
        interface: String, host: String, isLoopback: Bool = false, isBridge: Bool = false, hasDefaultRoute: Bool = false
    ) {
        self.interface = interface
        self.host = host
        self.isLoopback = isLoopback
        self.isBridge = isBridge
        self.hasDefaultRoute = hasDefaultRoute
    }

    /// Addresses of all interfaces that are up. IPv6 link-local ones are left out: they need the reader's own interface.
    package static func all() -> [NetworkAddress] {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return [] }
        defer { freeifaddrs(list) }
        let routed = defaultRoutes(in: Files.text("/proc/net/route") ?? "")
        var found: [NetworkAddress] = []
        var next = list
        while let entry = next?.pointee {
            next = entry.ifa_next
            guard entry.ifa_flags & UInt32(IFF_UP) != 0, let address = entry.ifa_addr,
                let host = Self.host(of: address)
            else { continue }
            let name = String(cString: entry.ifa_name)
            found.append(
                NetworkAddress(
                    interface: name, host: host, isLoopback: entry.ifa_flags & UInt32(IFF_LOOPBACK) != 0,
                    isBridge: Files.exists("/sys/class/net/\(name)/bridge"),
                    hasDefaultRoute: routed.contains(name)))
        }
        return found
    }

    /// Names of interfaces in the kernel's route table whose destination is everything.
    package static func defaultRoutes(in table: String) -> Set<String> {
        Set(
            table.split(separator: "\n").compactMap { line in
                let words = line.split(whereSeparator: \.isWhitespace)
                return words.count > 2 && words[1] == "00000000" ? String(words[0]) : nil
            })
    }

    private static func host(of address: UnsafeMutablePointer<sockaddr>) -> String? {
        let isIPv6 = address.pointee.sa_family == sa_family_t(AF_INET6)
        guard isIPv6 || address.pointee.sa_family == sa_family_t(AF_INET) else { return nil }
        let size = isIPv6 ? MemoryLayout<sockaddr_in6>.size : MemoryLayout<sockaddr_in>.size
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        guard getnameinfo(address, socklen_t(size), &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0 else {
            return nil
        }
        let host = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard !host.contains("%"), !host.hasPrefix("fe80:") else { return nil }
        return isIPv6 ? "[\(host)]" : host
    }

    /// What a worker may try to reach a socket bound at `bound`, likeliest first: an address with a default route, then
    /// others, bridges, loopback.
    package static func endpoints(bound: String, of addresses: [NetworkAddress]) -> [String] {
        let address = bound.dropFirst(6)
        guard bound.hasPrefix("tcp://"), let colon = address.lastIndex(of: ":") else { return [bound] }
        let host = address[..<colon]
        guard ["0.0.0.0", "*", "[::]"].contains(host) else { return [bound] }
        func rank(_ address: NetworkAddress) -> Int {
            (address.isLoopback ? 8 : 0) + (address.isBridge ? 4 : 0) + (address.hasDefaultRoute ? 0 : 2)
                + (address.isIPv6 ? 1 : 0)
        }
        var hosts: [String] = []
        for (_, address) in addresses.enumerated()
            .filter({ host == "[::]" || !$0.element.isIPv6 })
            .sorted(by: { (rank($0.element), $0.offset) < (rank($1.element), $1.offset) })
        where !hosts.contains(address.host) { hosts.append(address.host) }
        return hosts.map { "tcp://\($0)\(address[colon...])" }
    }
}
