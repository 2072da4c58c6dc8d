public import Protocol

/// The receiving half of bulk transfers: what to ask for, and what to take. Pure; the clock is an argument.
///
/// The receiver grants room, in bytes of the item, up to a limit. Its memory holds what lies between what is safe (written,
/// or used) and that limit: at most `window` a transfer, and `budget` in all but for one chunk each, so that no transfer
/// starves because of others that stand still.
public struct BulkReceiver: Sendable {
    private struct Transfer {
        var byteCount: Int
        /// The offset of the next chunk.
        var next: Int
        /// Everything before is with the caller for good.
        var safe: Int
        /// Everything before is granted.
        var limit: Int
        /// The sender does not know where to begin.
        var needsGet = true
        /// When bytes came last, or were last asked for anew.
        var moved: Double
    }

    private let window: Int
    private let budget: Int
    private var transfers: [BulkPath: Transfer] = [:]
    /// The order in which they were opened: who comes first is served first.
    private var order: [BulkPath] = []
    private var linked: Set<Int> = []
    /// Bytes granted and not yet safe, in all.
    public private(set) var outstanding = 0

    public init(window: Int = Limits.bulkWindow, budget: Int = Limits.bulkBudget) {
        self.window = max(window, 2 * Limits.chunkBytes)
        self.budget = max(budget, 2 * Limits.chunkBytes)
    }

    public var paths: [BulkPath] { order }
    public func isOpen(_ path: BulkPath) -> Bool { transfers[path] != nil }
    /// Everything has come and is safe.
    public func isComplete(_ path: BulkPath) -> Bool { transfers[path].map { $0.safe == $0.byteCount } ?? false }

    /// - Parameter offset: bytes of the item that the caller has already.
    public mutating func open(_ path: BulkPath, byteCount: Int, from offset: Int, now: Double) {
        precondition((0...byteCount).contains(offset), "\(offset) of \(byteCount) bytes")
        close(path)
        order.append(path)
        transfers[path] = Transfer(byteCount: byteCount, next: offset, safe: offset, limit: offset, moved: now)
    }

    public mutating func close(_ path: BulkPath) {
        guard let old = transfers.removeValue(forKey: path) else { return }
        outstanding -= old.limit - old.safe
        order.removeAll { $0 == path }
    }

    /// A peer's connection is there, or is another one: what was granted on the old one is void.
    public mutating func link(_ peer: Int, now: Double) {
        linked.insert(peer)
        revoke(peer, now)
    }

    public mutating func unlink(_ peer: Int, now: Double) {
        linked.remove(peer)
        revoke(peer, now)
    }

    private mutating func revoke(_ peer: Int, _ now: Double) {
        for path in order where path.peer == peer {
            outstanding -= transfers[path]!.limit - transfers[path]!.next
            transfers[path]!.limit = transfers[path]!.next
            transfers[path]!.needsGet = true
            transfers[path]!.moved = now
        }
    }

    /// Whether a chunk is the one that is due. Others are of an earlier `get`, and are dropped.
    public mutating func take(_ path: BulkPath, offset: Int, count: Int, now: Double) -> Bool {
        guard let transfer = transfers[path], !transfer.needsGet, offset == transfer.next, count > 0,
            count <= transfer.limit - offset
        else { return false }
        transfers[path]!.next += count
        transfers[path]!.moved = now
        return true
    }

    /// The oldest bytes that were taken need no memory any more.
    public mutating func settle(_ path: BulkPath, count: Int) {
        guard let transfer = transfers[path] else { return }
        let count = min(count, transfer.next - transfer.safe)
        transfers[path]!.safe += count
        outstanding -= count
    }

    /// What was taken from `offset` on is worth nothing: it is to be asked for again.
    public mutating func rewind(_ path: BulkPath, to offset: Int, now: Double) {
        guard let transfer = transfers[path] else { return }
        precondition((0...transfer.next).contains(offset), "\(offset) of \(transfer.next) bytes")
        outstanding -= transfer.limit - transfer.safe
        transfers[path] = Transfer(
            byteCount: transfer.byteCount, next: offset, safe: offset, limit: offset, moved: now)
    }

    /// What is to be asked for now.
    public mutating func grants() -> [(path: BulkPath, header: BulkHeader)] {
        let share = max(2 * Limits.chunkBytes, min(window, budget / max(1, order.count)))
        var messages: [(BulkPath, BulkHeader)] = []
        for path in order where linked.contains(path.peer) {
            let transfer = transfers[path]!
            let left = transfer.byteCount - transfer.limit
            var room = min(left, transfer.safe + share - transfer.limit)
            let least = transfer.limit == transfer.safe ? min(left, Limits.chunkBytes) : 0
            room = max(least, min(room, budget - outstanding))
            if room > Limits.chunkBytes, room < left { room -= room % Limits.chunkBytes }
            // Not a message for every chunk.
            guard room > 0, least > 0 || transfer.needsGet || room == left || room >= share / 4 else { continue }
            outstanding += room
            transfers[path]!.limit += room
            transfers[path]!.needsGet = false
            let limit = transfer.limit + room
            messages.append(
                (
                    path,
                    transfer.needsGet
                        ? .get(path.item, offset: transfer.next, limit: limit) : .credit(path.item, limit: limit)
                ))
        }
        return messages
    }

    /// Peers that owe bytes and have sent none for so many seconds.
    public func stalled(now: Double, after seconds: Double) -> [Int] {
        let late = order.filter { path in
            let transfer = transfers[path]!
            let owes = linked.contains(path.peer) ? transfer.limit > transfer.next : transfer.next < transfer.byteCount
            return owes && now - transfer.moved > seconds
        }
        return Set(late.map(\.peer)).sorted()
    }
}
