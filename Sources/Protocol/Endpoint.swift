#if canImport(Glibc)
    import Glibc
#endif

/// Addresses as users write them.
public enum Endpoint {
    public struct Refusal: Error, Sendable, Equatable, CustomStringConvertible {
        public var description: String
    }

    /// `host:port` or `tcp://host:port` or `ipc://path`, as libzmq wants it.
    /// - Parameter connects: somebody is to be found there: no wildcard host, no port that is yet to be chosen.
    /// - Throws: `Refusal` for what is no address, and for TCP beyond this machine unless `insecure`: it is not encrypted.
    public static func checked(
        _ text: String, insecure: Bool, connects: Bool = false
    ) throws(Refusal) -> String {
        if text.hasPrefix("ipc://") {
            guard text.utf8.count > 6 else { throw Refusal(description: "\(text): no path; write ipc://path") }
            return text
        }
        let address = text.hasPrefix("tcp://") ? String(text.dropFirst(6)) : text
        guard !address.contains("://"), !address.isEmpty else {
            throw Refusal(description: "\(text): not an address; write tcp://host:port")
        }
        let (host, port) = try parts(of: address, text)
        guard isHost(host) else { throw Refusal(description: "\(text): \(host) is not a host") }
        guard port == "*" || isPort(port) else {
            throw Refusal(description: "\(text): \(port.isEmpty ? "no" : "\(port) is not a") port (0 to 65535)")
        }
        if connects, host == "*" || host == "0.0.0.0" || host == "[::]" || port == "*" || Int(port) == 0 {
            throw Refusal(description: "\(text): nobody can be reached there; write the coordinator's host and port")
        }
        guard insecure || isLoopback(host) else {
            throw Refusal(
                description: "\(text): plain TCP beyond this machine is neither encrypted nor authenticated; "
                    + "give --keys FILE (faultline keygen makes keys), or accept that with --insecure-plain-tcp")
        }
        return "tcp://\(address)"
    }

    private static func parts(of address: String, _ text: String) throws(Refusal) -> (host: String, port: String) {
        if isIPv6(address) {
            throw Refusal(
                description: "\(text): write an IPv6 address in brackets, and a port behind it: tcp://[::1]:5555")
        }
        guard let colon = address.lastIndex(of: ":"), !address.hasSuffix("]") else {
            throw Refusal(
                description: "\(text): not an address with a port; write tcp://host:port "
                    + "(as a listener's, 0 is any free one)")
        }
        return (String(address[..<colon]), String(address[address.index(after: colon)...]))
    }

    /// An address of this machine that others connect to, as `--data-bind` has it: a host as endpoints have it.
    /// - Throws: `Refusal` for what is no host, for all addresses at once, and as `checked`.
    public static func checkedHost(_ text: String, insecure: Bool) throws(Refusal) -> String {
        let host = isIPv6(text) ? "[\(text)]" : text
        guard host != "*", host != "0.0.0.0", host != "[::]" else {
            throw Refusal(description: "\(text): others cannot connect to it; give the one address that they reach")
        }
        guard isHost(host) else { throw Refusal(description: "\(text): not a host or an address") }
        _ = try checked("\(host):*", insecure: insecure)
        return host
    }

    /// A warning where plain TCP leaves this machine; `nil` where it does not.
    public static func plainWarning(_ endpoint: String) -> String? {
        guard endpoint.hasPrefix("tcp://"), let colon = endpoint.lastIndex(of: ":"),
            !isLoopback(String(endpoint[..<colon].dropFirst(6)))
        else { return nil }
        return "\(endpoint) is plain TCP: whoever can reach it can join, read along and change results; "
            + "use --keys in a network that is not yours alone"
    }

    public static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" || host == "[::1]" || host == "lo" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    private static func isPort(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 5 && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
            && Int(text).map { $0 <= 65_535 } == true
    }

    /// `*`, an IPv6 address in brackets, or what a name, an interface or an IPv4 address may be made of.
    private static func isHost(_ text: String) -> Bool {
        if text == "*" { return true }
        if text.hasPrefix("[") { return text.hasSuffix("]") && isIPv6(String(text.dropFirst().dropLast())) }
        return !text.isEmpty && text.utf8.count <= 255
            && text.unicodeScalars.allSatisfy { scalar in
                scalar == "." || scalar == "-" || scalar == "_" || scalar.properties.isAlphabetic
                    || scalar.properties.numericType != nil
            }
    }

    /// Without brackets; behind a % may stand an interface.
    private static func isIPv6(_ text: String) -> Bool {
        var address = in6_addr()
        return text.contains(":") && inet_pton(AF_INET6, String(text.prefix { $0 != "%" }), &address) == 1
    }
}
