import CZMQ

/// A call of libzmq that failed: which, and libzmq's words for why.
public struct ZeroMQError: Error, Sendable, Equatable, CustomStringConvertible {
    public var call: String
    public var code: Int32
    public var description: String { "\(call): \(reason)" }
    /// Why, without the call.
    public var reason: String { String(cString: zmq_strerror(code)).lowercased() }

    init(_ call: String) {
        self.call = call
        code = zmq_errno()
    }

    /// The address is taken by another program (or by another run of this one).
    public var isAddressInUse: Bool { code == EADDRINUSE }
}
