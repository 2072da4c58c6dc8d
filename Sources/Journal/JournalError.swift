/// A run directory that cannot be used, in one line: what, where, and what to do.
public struct JournalError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Kind: Sendable { case inUse, damaged, other }
    public let kind: Kind
    public let description: String

    init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}
