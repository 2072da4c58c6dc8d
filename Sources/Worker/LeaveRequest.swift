import Dispatch
import Foundation

/// A signal that asks this program to leave in order, from its start on: SIGTERM (preemption, `kill`, a stopped service),
/// SIGINT (Ctrl-C), SIGUSR1 (Slurm's warning before a time limit).
final class LeaveRequest: @unchecked Sendable {
    private let lock = NSLock()
    private var asked: String?
    private var listener: (@Sendable (String) -> Void)?
    private var sources: [any DispatchSourceSignal] = []

    init() {
        for (number, name) in [(SIGTERM, "SIGTERM"), (SIGINT, "SIGINT"), (SIGUSR1, "SIGUSR1")] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { [weak self] in self?.ask("was asked to stop (\(name))") }
            source.resume()
            sources.append(source)
        }
    }

    deinit { for source in sources { source.cancel() } }

    /// Why to leave, once somebody asked.
    var reason: String? { lock.withLock { asked } }

    /// Has `listener` told of the request, also of an earlier one.
    func tell(_ listener: @escaping @Sendable (String) -> Void) {
        lock.withLock { self.listener = listener }
        if let reason { listener(reason) }
    }

    private func ask(_ reason: String) {
        let listener = lock.withLock {
            asked = reason
            return self.listener
        }
        listener?(reason)
    }
}
