package import Keys
package import Logging
import Protocol
import Reporting
package import Tensors

/// How a worker joins and leaves.
package struct WorkerOptions: Sendable {
    package var connect: String
    package var threads = 1
    package var memoryBytes = 4 << 30
    /// Host part of the data endpoint; `nil`: an ipc socket in `dataFolder`.
    package var dataHost: String?
    package var dataFolder = "/tmp"
    package var name = ""
    /// What the engine runs.
    package var level = KernelLevel.portable
    /// Seconds without a word from the coordinator after which it is looked for again, and then given up.
    package var silence = 30.0
    package var patience = 60.0
    package var beat = 1.0
    package var version = Limits.version
    /// For TCP; ipc stays plain.
    package var keys: KeyFile?
    /// Seconds of handshakes that all fail, without one that succeeded, after which the worker gives up.
    package var handshakePatience = 10.0
    /// Seconds in which a worker that is asked to stop may finish what it runs.
    package var grace = 20.0
    /// Tests: what the links do to messages.
    package var faults: LinkFaults?
    /// Asks once where the coordinator is now (it may take seconds); `nil`: it stays where it was.
    package var rediscover: (@Sendable () -> String?)?
    /// Where programs read what happens to this worker.
    package var logger = Logger.silent

    package init(connect: String) { self.connect = connect }
}
