import Tensors

/// Events for the driver's thread, which waits for them with a deadline.
final class EventQueue<Element: Sendable>: @unchecked Sendable {
    private let condition = MonotonicCondition()
    private var waiting: [Element] = []

    func post(_ element: Element) {
        condition.withLock {
            waiting.append(element)
            condition.broadcast()
        }
    }

    /// - Returns: `nil` where nothing came within so many seconds.
    func next(seconds: Double) -> Element? {
        condition.withLock {
            let deadline = MonotonicClock.now + seconds
            while waiting.isEmpty { if !condition.wait(until: deadline) { break } }
            return waiting.isEmpty ? nil : waiting.removeFirst()
        }
    }

    /// Takes all that wait and are of a kind out of their turn.
    func takeAll<T>(_ pick: (Element) -> T?) -> [T] {
        condition.withLock {
            var taken: [T] = []
            waiting.removeAll { element in
                guard let value = pick(element) else { return false }
                taken.append(value)
                return true
            }
            return taken
        }
    }

    func clear() { condition.withLock { waiting = [] } }
}
