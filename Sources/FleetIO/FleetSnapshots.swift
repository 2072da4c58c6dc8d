import Foundation
import Scheduling
import Tensors

/// The latest state of the fleet for other threads: the I/O thread leaves it here, and waits for nobody who reads it.
final class FleetSnapshots: @unchecked Sendable {
    private let lock = NSLock()
    private var latest = FleetProgress()
    private var agreed: KernelLevel?
    private var isAwaitingPeers = false
    /// Local workers that died before the work began: nobody waits for them.
    private var gone: [EarlyEnd] = []
    private var number: UInt64 = 0
    private var time = Date().timeIntervalSince1970

    /// The I/O thread's: leaves the state as it is now.
    func publish(_ progress: FleetProgress, _ level: KernelLevel?, awaitsPeers: Bool) {
        lock.withLock {
            (latest, agreed, isAwaitingPeers) = (progress, level, awaitsPeers)
            time = Date().timeIntervalSince1970
            number += 1
        }
    }

    /// The I/O thread's: a local worker ended before the work began, and is not started again.
    func ended(_ end: EarlyEnd) { lock.withLock { gone.append(end) } }

    var progress: FleetProgress { lock.withLock { latest } }
    /// Who is there before the work begins, and what became of local workers that are not waited for any more.
    var gathering: (joined: [FleetProgress.Worker], gone: [EarlyEnd]) { lock.withLock { (latest.workers, gone) } }
    /// Other stages of a pipeline from before a restart may still come.
    var awaitsPeers: Bool { lock.withLock { isAwaitingPeers } }
    /// The kernel level that all workers run at, once they have agreed on one.
    var level: KernelLevel? { lock.withLock { agreed } }

    /// The latest state, how many came before it, and when it was left, in seconds since 1970.
    var newest: (number: UInt64, time: Double, progress: FleetProgress) { lock.withLock { (number, time, latest) } }
}
