import Keys
import Protocol
import ZeroMQ

/// The keys of a worker's connections: as whom it talks to others, and as whom others talk to it.
struct LinkSecurity: Sendable {
    /// `nil`: every connection is plain.
    let keys: KeyFile?

    /// - Parameter endpoint: the coordinator's. What is not TCP stays plain, whatever keys there are.
    init(endpoint: String, keys: KeyFile?) { self.keys = endpoint.hasPrefix("tcp://") ? keys : nil }

    /// For the socket to which the previous stage connects.
    var data: SocketSecurity { keys.map { .server($0.pair, domain: "data") } ?? .plain }

    /// For connections to the coordinator.
    var control: SocketSecurity { keys.map { .client($0.pair, server: $0.server) } ?? .plain }

    /// For the connection to the next stage.
    /// - Parameters:
    ///   - next: its address, as the coordinator says it.
    ///   - nextKey: its public key.
    /// - Throws: `ProtocolError` where an address in a message would lead past the keys.
    func forward(_ next: String, _ nextKey: String?) throws(ProtocolError) -> SocketSecurity {
        guard let keys else {
            guard next.hasPrefix("tcp://") || next.hasPrefix("ipc://") else { throw .malformed("its address") }
            return .plain
        }
        guard next.hasPrefix("tcp://"), let nextKey, Z85.isKey(nextKey) else {
            throw .malformed("no public key came with its address")
        }
        return .client(keys.pair, server: nextKey)
    }
}
