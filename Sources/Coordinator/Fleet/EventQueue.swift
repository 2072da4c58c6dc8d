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

    func clear() { condition.withLock { waiting = [] } }
}
