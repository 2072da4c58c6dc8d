import Protocol
package import Tensors

/// Which kernels the whole fleet runs, so that its bits do not depend on who computes.
package struct KernelAgreement: Sendable {
    /// `nil`: not agreed on yet. Once it is, it stays for the fleet's life.
    package private(set) var level: KernelLevel?
    /// Not above this one.
    private let highest: KernelLevel
    /// How many workers have a say.
    private var voters: Int

    init(_ policy: FleetPolicy) {
        level = policy.level
        highest = policy.highestLevel
        voters = policy.localWorkers ?? policy.awaited
    }

    /// One of the first workers will not come.
    mutating func loseVoter() { voters -= 1 }

    /// Once as many workers are there as have a say, the level is the lowest of theirs.
    /// - Returns: the level, where it was agreed on now.
    mutating func agree(_ membership: Membership) -> KernelLevel? {
        guard level == nil, membership.members.count >= voters,
            let lowest = membership.members.values.map(\.capabilities.level).min()
        else { return nil }
        level = min(lowest, highest)
        return level
    }
}
