import Keys
import Protocol
import Tensors
import ZeroMQ

/// Who may talk to this worker, and as whom it talks to others.
extension WorkerRuntime {
    /// ipc stays plain.
    var keys: KeyFile? { endpoint.hasPrefix("tcp://") ? options.keys : nil }

    var dataSecurity: SocketSecurity { keys.map { .server($0.pair, domain: "data") } ?? .plain }
    var controlSecurity: SocketSecurity { keys.map { .client($0.pair, server: $0.server) } ?? .plain }

    /// - Throws: `ProtocolError` where an address in a message would lead past the keys.
    func forwardSecurity(_ next: String, _ nextKey: String?) throws(ProtocolError) -> SocketSecurity {
        guard let keys else {
            guard next.hasPrefix("tcp://") || next.hasPrefix("ipc://") else { throw .malformed("its address") }
            return .plain
        }
        guard next.hasPrefix("tcp://"), let nextKey, Z85.isKey(nextKey) else {
            throw .malformed("no public key came with its address")
        }
        return .client(keys.pair, server: nextKey)
    }

    /// The previous stage alone; it may come before this worker's own assignment does, hence the wait.
    private func admit(_ request: HandshakeRequest) -> Admission {
        request.publicKey == previousKey ? .admit(userID: request.publicKey) : .wait
    }

    /// Judged by message: the pipeline may have changed since the handshake.
    func mayConnect(_ frames: [ReceivedFrame]) -> Bool {
        keys == nil || (previousKey != nil && frames.last?.userID == previousKey)
    }

    func test(_ endpoint: String, in context: Context, _ stranger: CurveKeyPair) throws(StrangerTest.Fault) {
        guard let keys else { return }
        try StrangerTest.run(
            endpoint, in: context, stranger: stranger, server: keys.pair.publicKey, authenticator: authenticator
        ) { if case .admit(let user) = admit($0) { .admit(userID: user) } else { .refuse } }
    }

    /// Answers who wants to come in, and listens to how the own handshake with the coordinator went.
    func watchTheDoor() throws {
        try authenticator?.answer(admit)
        while let event = try routerMonitor?.next() {
            if case .accepted(let descriptor) = event { crowd?.accepted(descriptor) }
        }
        _ = crowd?.check()
        while let event = try controlMonitor?.next() {
            noteConnection(event)
            if let reason = handshakes.note(event, now: MonotonicClock.now) { end = end ?? .refused(reason) }
        }
    }
}
