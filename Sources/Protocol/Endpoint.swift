/// Addresses as users write them.
public enum Endpoint {
    public struct Refusal: Error, Sendable, Equatable, CustomStringConvertible {
        public var description: String
    }

    /// `host:port` or `tcp://host:port` or `ipc://path`, as libzmq wants it.
    /// - Throws: `Refusal` for what is no address, and for TCP beyond this machine unless `insecure`: it is not encrypted.
    public static func checked(_ text: String, insecure: Bool) throws(Refusal) -> String {
        if text.hasPrefix("ipc://") { return text }
        let address = text.hasPrefix("tcp://") ? String(text.dropFirst(6)) : text
        guard !address.contains("://"), let colon = address.lastIndex(of: ":"), colon > address.startIndex else {
            throw Refusal(description: "\(text): not an address; write tcp://host:port")
        }
        let host = String(address[..<colon])
        let port = address[address.index(after: colon)...]
        guard port == "*" || Int(port).map({ (0...65_535).contains($0) }) == true else {
            throw Refusal(description: "\(text): \(port) is not a port")
        }
        guard insecure || isLoopback(host) else {
            throw Refusal(
                description: "\(text): plain TCP beyond this machine is neither encrypted nor authenticated; "
                    + "give --keys FILE (faultline keygen makes keys), or accept that with --insecure-plain-tcp")
        }
        return "tcp://\(address)"
    }

    /// What to say once where plain TCP leaves this machine; `nil` where it does not.
    public static func plainWarning(_ endpoint: String) -> String? {
        guard endpoint.hasPrefix("tcp://"), let colon = endpoint.lastIndex(of: ":"),
            !isLoopback(String(endpoint[..<colon].dropFirst(6)))
        else { return nil }
        return "warning: \(endpoint) is plain TCP: whoever can reach it can join, read along and change results; "
            + "use --keys in a network that is not yours alone"
    }

    public static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" || host == "[::1]" || host == "lo" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
