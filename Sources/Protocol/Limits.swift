/// Sizes that both ends hold each other to (docs/protocol.md says why).
public enum Limits {
    /// Raised with every change that an older program would misread.
    public static let version: UInt16 = 7
    /// Largest frame of any kind.
    public static let frameBytes = 1 << 20
    /// Largest raw frame: a slice of a tensor, a result or a task body.
    public static let chunkBytes = 1 << 20
    /// Most frames of one message.
    public static let frames = 4096
    /// Results and edits up to this size go with their offer; larger ones on the bulk connection.
    public static let inlineBytes = 256 << 10
    /// Most bytes of one bulk transfer that are asked for and not yet safe with the receiver.
    public static let bulkWindow = 32 << 20
    /// The same of all transfers of a receiver; one chunk for each is always allowed.
    public static let bulkBudget = 32 << 20
    /// Largest bulk item.
    public static let bulkBytes = 1 << 46
    /// Largest task body as JSON.
    public static let bodyBytes = 256 << 20
    /// Most integers a packet carries.
    public static let packetIntegers = 64 << 20
    /// Largest packet payload.
    public static let packetBytes = 2 << 30
    /// Most classes of examples that a task tells apart.
    public static let classes = 1024
    /// Longest text of an error report; longer ones are cut.
    public static let textBytes = 4096
}

/// Why a message was not understood.
public enum ProtocolError: Error, Sendable, Equatable, CustomStringConvertible {
    case version(theirs: UInt16, ours: UInt16)
    case malformed(String)
    case tooLarge(what: String, bytes: Int, limit: Int)

    public var description: String {
        switch self {
        case .version(let theirs, let ours):
            "protocol version \(theirs) meets version \(ours): use faultline and faultline-worker of the same release"
        case .malformed(let what): "malformed message: \(what)"
        case .tooLarge(let what, let bytes, let limit): "\(what) of \(bytes) bytes is over the limit of \(limit)"
        }
    }
}
