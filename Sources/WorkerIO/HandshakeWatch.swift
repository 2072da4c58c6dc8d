package import ZeroMQ

/// Turns what libzmq says about the handshake with the coordinator into a sentence, and into an end where waiting is of no use.
package struct HandshakeWatch: Sendable {
    private let endpoint: String
    /// `nil`: this worker uses no keys.
    private let keyName: String?
    private let patience: Double
    private var failingSince: Double?
    private var failures = 0

    package init(endpoint: String, keyName: String?, patience: Double) {
        self.endpoint = endpoint
        self.keyName = keyName
        self.patience = patience
    }

    /// - Returns: why this worker has to end.
    package mutating func note(_ event: ConnectionEvent, now: Double) -> String? {
        switch event {
        case .handshakeSucceeded:
            (failingSince, failures) = (nil, 0)
            return nil
        case .handshakeFailed(.refused(status: 400)):
            return
                "the coordinator at \(endpoint) refuses the key \(keyName ?? "") (400): it is not in its allowed.json, "
                + "was revoked, has expired, or is not a worker's; the coordinator's log says which"
        case .handshakeFailed(.refused(status: 500)):
            return "the coordinator at \(endpoint) could not check the key \(keyName ?? "") (500); see its log"
        case .handshakeFailed(.mechanism):
            return keyName == nil
                ? "the coordinator at \(endpoint) asks for keys: start this worker with --keys FILE"
                : "the coordinator at \(endpoint) uses no keys: start it with --keys, or this worker without"
        case .handshakeFailed:
            failingSince = failingSince ?? now
            failures += 1
            guard failures >= 3, now - failingSince! >= patience else { return nil }
            return "the coordinator at \(endpoint) ended \(failures) handshakes: \(cause)"
        default: return nil
        }
    }

    /// What to add where no coordinator answers.
    package var hint: String { failures > 0 ? " It ended \(failures) handshakes: \(cause)" : "" }

    private var cause: String {
        guard let keyName else { return "is that a Faultline coordinator?" }
        return "does the key \(keyName) belong to its fleet (the server key in the file is not this coordinator's), "
            + "and is that a Faultline coordinator?"
    }
}
