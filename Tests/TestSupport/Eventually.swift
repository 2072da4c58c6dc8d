import Foundation
import Synchronization
import Tensors

/// Waits until something holds: the one place where tests look again and again.
/// - Returns: whether it held in time.
public func eventually(within seconds: Double = 30, _ holds: () throws -> Bool) rethrows -> Bool {
    try eventually(within: seconds) { try holds() ? true : nil } ?? false
}

/// Waits until there is a value.
/// - Returns: `nil` where there was none in time.
public func eventually<Value>(within seconds: Double = 30, _ value: () throws -> Value?) rethrows -> Value? {
    let deadline = MonotonicClock.now + seconds
    while true {
        if let value = try value() { return value }
        guard MonotonicClock.now < deadline else { return nil }
        usleep(5000)
    }
}

/// What other threads report, in order.
public final class Recorder<Element: Sendable>: Sendable {
    private let elements = Mutex<[Element]>([])

    public init() {}

    public var all: [Element] { elements.withLock { $0 } }
    public func add(_ element: Element) { elements.withLock { $0.append(element) } }
    public func count(where holds: (Element) -> Bool) -> Int { all.count(where: holds) }
}
