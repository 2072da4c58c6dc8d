package import Tensors

/// What the fleet's state machine decides by: how many workers, and how long it waits for what.
package struct FleetPolicy: Sendable {
    /// Workers started on this machine, over ipc; `nil` where they come by themselves.
    package var localWorkers: Int?
    /// How many workers to wait for when listening.
    package var awaited = 1
    package var pipelines: Int?
    /// The kernel level all workers run at; `nil`: the lowest of the first workers' own.
    package var level: KernelLevel?
    /// Where they agree on one: not above this.
    package var highestLevel = KernelLevel.allCases.last!
    /// Epochs begin above this: workers of an earlier start of the run are behind it.
    package var firstEpoch: UInt64 = 0
    /// Names the run through all its restarts: what workers hold of another one is nothing to this.
    package var run: String

    /// Seconds: silence after which a worker is lost; one engine call after which it is stalled.
    package var lease = 30.0
    package var stall = 1800.0
    /// Seconds: a pipeline that has work and does nothing for so long starts again (`nil`: one and a half leases); how
    /// long somebody is waited for where all workers are lost (never for local ones, which do not come back).
    package var idle: Double?
    package var comeback = 60.0
    /// Seconds a second attempt at a late task has to save at least.
    package var minimumGain = 1.0
    /// Seconds a stage has to have computed before it is compared with its neighbours.
    package var measuring = 20.0
    /// Batches in flight at a pipeline's source; `nil`: its stages + 1.
    package var window: Int?

    package init(run: String) { self.run = run }

    /// A name that no other run has: 128 random bits in hexadecimal.
    package static func newRun() -> String {
        (0..<2).map { _ in
            let digits = String(UInt64.random(in: 0 ... .max), radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}
