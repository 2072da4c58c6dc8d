import Foundation

/// Events for the driver's thread, which waits for them with a deadline.
final class EventQueue<Element: Sendable>: @unchecked Sendable {
    private let condition = NSCondition()
    private var waiting: [Element] = []

    func post(_ element: Element) {
        condition.withLock {
            waiting.append(element)
            condition.signal()
        }
    }

    func next(seconds: Double) -> Element? {
        condition.lock()
        defer { condition.unlock() }
        let deadline = Date(timeIntervalSinceNow: seconds)
        while waiting.isEmpty { if !condition.wait(until: deadline) { break } }
        return waiting.isEmpty ? nil : waiting.removeFirst()
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
