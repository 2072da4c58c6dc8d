import Protocol

/// Which kernels the whole fleet runs, so that its bits do not depend on who computes.
extension FleetCore {
    /// All run the level of the weakest; who joins later has to be able to.
    mutating func agreeOnLevel() -> [Directive] {
        kernels.agree(membership, wanted: policy.localWorkers ?? policy.awaited)
        guard let level = kernels.level else { return [] }
        let simd = kernels.simd
        let rank = membership.members.values.first { $0.capabilities.kernelLevel == level }?.capabilities.kernelRank
        var directives: [Directive] = []
        for member in membership.members.values.sorted(by: { $0.id < $1.id })
        where member.capabilities.kernelLevel != level || member.capabilities.simdLevel != simd {
            if member.capabilities.simdLevel != simd {
                directives.append(.refuse(member, .otherCPU(fleet: simd ?? 0, worker: member.capabilities.simdLevel)))
                directives.append(.happened(.otherCPU(worker: member.name, host: member.capabilities.host)))
            } else if let rank, member.capabilities.kernelRank < rank {
                let own = member.capabilities.kernelLevel
                directives.append(.refuse(member, .lowerKernel(fleet: level, worker: own)))
            } else {
                directives.append(.dismiss(member, .level(level)))
            }
            _ = membership.remove(member.id)
        }
        return directives
    }
}
