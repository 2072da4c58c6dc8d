import Tensors

/// Tests: what a worker's links do to its messages, both ways, in place of a bad network. Used by its I/O thread alone.
package final class LinkFaults: @unchecked Sendable {
    package enum Fault: Sendable, CaseIterable { case lose, twice, delay, swap }

    /// Seconds that a message is delayed; one that changes places waits no longer for another.
    private static let delay = 0.4
    private let decide: @Sendable (_ kind: String) -> Fault?
    private var late: [(due: Double, deliver: () -> Void)] = []
    private var swapped: [() -> Void] = []

    /// - Parameter decide: what happens to the next message of this kind (`ToWorker.task`, `DataHeader.credit` …).
    package init(_ decide: @escaping @Sendable (_ kind: String) -> Fault?) { self.decide = decide }

    static func pass(_ faults: LinkFaults?, _ message: Any, _ deliver: @escaping () -> Void) {
        guard let faults else { return deliver() }
        faults.pass(message, deliver)
    }

    private func pass(_ message: Any, _ deliver: @escaping () -> Void) {
        let name = Mirror(reflecting: message).children.first?.label ?? "\(message)"
        switch decide("\(type(of: message)).\(name)") {
        case .lose: return
        case .delay: late.append((MonotonicClock.now + Self.delay, deliver))
        case .swap:
            swapped.append(deliver)
            late.append((MonotonicClock.now + Self.delay, { [unowned self] in deliverSwapped() }))
            return
        case .twice:
            deliver()
            deliver()
        case nil: deliver()
        }
        deliverSwapped()
    }

    private func deliverSwapped() {
        let waiting = swapped
        swapped = []
        for deliver in waiting { deliver() }
    }

    func deliverDue(now: Double) {
        let due = late.filter { $0.due <= now }
        late.removeAll { $0.due <= now }
        for item in due { item.deliver() }
    }
}
