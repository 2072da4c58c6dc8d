package import Protocol

/// A result that cannot be one of its task (`ResultContract`), and why, in words.
package struct UnsoundResult: Error {
    package var fault: String
    package init(_ fault: String) { self.fault = fault }
}

/// Workers that send other results than were asked for: a broken machine, or a program that holds a key and is no worker.
extension FleetCore {
    /// A worker that was left out of the run for what it sent.
    struct LeftOut: Sendable {
        var name: String
        var host: String
        var instance: String?
        var result: RejectedResult

        func isOne(_ capabilities: Capabilities) -> Bool {
            if let instance, instance == capabilities.instance { return true }
            return !capabilities.name.isEmpty && capabilities.name == name && capabilities.host == host
        }
    }

    /// The worker has no part in the run any more; its task, and those of its pipeline, run elsewhere.
    package mutating func unsound(
        _ key: TaskKey, index: Int, worker id: Int, _ fault: String
    ) -> [Directive] {
        guard self.index(of: key) == index, let scheduler, let member = membership[id] else { return [] }
        let task = scheduler.name(of: index)
        let other = leftOut.first { $0.result.fault == fault }?.name
        let result = RejectedResult(task: task, fault: fault, alsoFrom: other)
        leftOut.append(
            LeftOut(
                name: member.name, host: member.capabilities.host, instance: member.capabilities.instance,
                result: result))
        let host = member.capabilities.host
        let directives: [Directive] =
            [
                .happened(.rejected(worker: member.name, task: task, fault: fault)),
                .refuse(member, .leftOut(worker: member.name, result)),
            ] + lose(id, .leftOut(result))
        // Nameless processes that come back as others are known by their machine.
        guard leftOut.count(where: { $0.host == host }) >= HostRecords.limit else { return directives }
        return directives + setAside(host, because: .rejected(workers: HostRecords.limit, result))
    }
}
