import CZMQ
import Foundation

/// Commands for the thread that owns the sockets, from any other thread; the poller wakes for them.
public final class Mailbox<Element: Sendable>: @unchecked Sendable {
    let descriptor: Int32
    private let lock = NSLock()
    private var waiting: [Element] = []

    public init() {
        descriptor = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
        precondition(descriptor >= 0, "eventfd: \(errno)")
    }

    deinit { close(descriptor) }

    public func post(_ element: Element) {
        let isFirst = lock.withLock {
            waiting.append(element)
            return waiting.count == 1
        }
        // Whoever was first has woken the poller; it takes all that wait.
        guard isFirst else { return }
        var one: UInt64 = 1
        _ = write(descriptor, &one, 8)
    }

    /// All that was posted since the last call.
    public func drain() -> [Element] {
        var count: UInt64 = 0
        _ = read(descriptor, &count, 8)
        return lock.withLock {
            defer { waiting = [] }
            return waiting
        }
    }
}
