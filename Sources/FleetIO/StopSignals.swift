import Dispatch
import Foundation

/// Ctrl-C, SIGTERM, and SIGUSR1 (Slurm's warning before a time limit or a preemption), counted from the moment this is made.
package final class StopSignals: @unchecked Sendable {
    private let lock = NSLock()
    private var seen: [Int32] = []
    private var listener: (@Sendable (_ signal: Int32, _ isAgain: Bool) -> Void)?
    private var sources: [any DispatchSourceSignal] = []

    package init() {
        for number in [SIGINT, SIGTERM, SIGUSR1] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { [weak self] in self?.came(number) }
            source.resume()
            sources.append(source)
        }
    }

    /// The first one that came.
    package var first: Int32? { lock.withLock { seen.first } }

    /// Has `listener` told of all that come, also of those that came before.
    package func tell(_ listener: @escaping @Sendable (_ signal: Int32, _ isAgain: Bool) -> Void) {
        let earlier = lock.withLock {
            self.listener = listener
            return seen
        }
        for (index, number) in earlier.enumerated() { listener(number, index > 0) }
    }

    private func came(_ number: Int32) {
        let (listener, isAgain) = lock.withLock {
            seen.append(number)
            return (self.listener, seen.count > 1)
        }
        listener?(number, isAgain)
    }
}
