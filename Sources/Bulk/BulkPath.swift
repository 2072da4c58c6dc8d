public import Protocol

/// One transfer: an item, and whom it goes to or comes from (a worker's number; 0 where there is one peer only).
public struct BulkPath: Sendable, Hashable {
    public var peer: Int
    public var item: BulkItem

    public init(peer: Int = 0, _ item: BulkItem) {
        self.peer = peer
        self.item = item
    }
}
