import Synchronization

/// The first error of a parallel loop.
final class Failures: Sendable {
    private let first = Mutex<(any Error)?>(nil)

    func add(_ error: any Error) { first.withLock { if $0 == nil { $0 = error } } }

    func rethrow() throws { if let error = first.withLock({ $0 }) { throw error } }
}
