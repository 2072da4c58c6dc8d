/// A key file that cannot be used, in one line: which, why, and what to do. Exit code 2.
public struct KeyError: Error, Sendable, Equatable, CustomStringConvertible {
    public var path: String
    public var fault: String

    package init(_ path: String, _ fault: String) {
        self.path = path
        self.fault = fault
    }

    public var description: String { "\(path): \(fault)" }
}

/// What a key is for.
public enum KeyRole: String, Codable, Sendable, CaseIterable {
    case coordinator, worker, viewer

    /// "a worker's key".
    public var owner: String { "a \(rawValue)'s" }
}
