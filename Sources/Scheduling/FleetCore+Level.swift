import Protocol
import Tensors

/// Which kernels the whole fleet runs, so that its bits do not depend on who computes.
extension FleetCore {
    /// Whoever runs a higher level than the fleet starts again at the fleet's; whoever has only lower ones is refused.
    mutating func agreeOnLevel() -> [Directive] {
        var directives: [Directive] = []
        if let level = kernels.agree(membership) { directives.append(.happened(.levelAgreed(level))) }
        guard let level = kernels.level else { return directives }
        for member in membership.members.values.sorted(by: { $0.id < $1.id }) where member.capabilities.level != level {
            let own = member.capabilities.level
            if own < level {
                directives.append(.refuse(member, .lowerLevel(fleet: level, worker: own)))
            } else {
                directives.append(.dismiss(member, .level(level)))
            }
            directives.append(
                .happened(
                    .otherLevel(worker: member.name, host: member.capabilities.host, fleet: level, own: own)))
            _ = membership.remove(member.id)
        }
        return directives
    }

    /// One of the first workers will not come: the others agree without it.
    package mutating func gaveUp() -> [Directive] {
        kernels.loseVoter()
        return agreeOnLevel()
    }
}
