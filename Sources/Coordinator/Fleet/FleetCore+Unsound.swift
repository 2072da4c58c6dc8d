import Protocol

/// A result that cannot be one of its task (`ResultContract`), and why, in words.
struct UnsoundResult: Error {
    var fault: String
    init(_ fault: String) { self.fault = fault }
}

/// Workers that send other results than were asked for: a broken machine, or a program that holds a key and is no worker.
extension FleetCore {
    /// A worker that was left out of the run for what it sent.
    struct LeftOut: Sendable {
        var name: String
        var host: String
        var instance: String?
        /// What was wrong with it, and with what else.
        var fault: String
        var cause: String

        func isOne(_ capabilities: Capabilities) -> Bool {
            if let instance, instance == capabilities.instance { return true }
            return !capabilities.name.isEmpty && capabilities.name == name && capabilities.host == host
        }
    }

    /// The worker has no part in the run any more; its task, and those of its pipeline, run elsewhere.
    mutating func unsound(
        _ key: TaskKey, index: Int, worker id: Int, _ fault: String
    ) -> [Directive] {
        guard self.index(of: key) == index, let scheduler, let member = membership[id] else { return [] }
        var cause = "sent no result of \(scheduler.name(of: index)): \(fault)"
        if let other = leftOut.first(where: { $0.fault == fault }) {
            cause += "; \(other.name) had sent the like, so the model or the data may be broken"
        }
        leftOut.append(
            LeftOut(
                name: member.name, host: member.capabilities.host, instance: member.capabilities.instance,
                fault: fault, cause: cause))
        let host = member.capabilities.host
        let directives: [Directive] =
            [
                .note(kind: "refused", task: scheduler.name(of: index), worker: member.name, text: fault),
                .dismiss(member, .refuse(reason: Self.refusal(of: member.name, cause))),
            ] + lose(id, "was left out: it \(cause)", crashed: false, end: false)
        // Nameless processes that come back as others are known by their machine.
        guard leftOut.count(where: { $0.host == host }) >= HostRecords.limit else { return directives }
        return directives + setAside(host, because: "\(HostRecords.limit) of its workers \(cause)")
    }

    static func refusal(of name: String, _ cause: String) -> String {
        "this run has left \(name) out: it \(cause); mend its machine, then start the coordinator again"
    }
}
