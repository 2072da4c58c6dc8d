import Protocol

/// Machines on which everything fails, and what beats tell the scheduler.
extension FleetCore {
    /// A worker died in a pipeline: that is held against its host until something succeeds there.
    mutating func blame(_ member: FleetWorker, in epoch: UInt64, _ cause: LossCause) -> [Directive] {
        guard let placement = pipelines[epoch]?.placements.first(where: { $0.worker == member.id }) else { return [] }
        let host = member.capabilities.host
        if !placement.loaded || !placement.edited {
            hosts.died(on: host, tasks: [], cause: cause, instance: member.capabilities.instance)
        } else if let scheduler, !scheduler.running(on: epoch).isEmpty {
            hosts.died(
                on: host, tasks: scheduler.running(on: epoch).map { scheduler.name(of: $0) }, cause: cause,
                instance: member.capabilities.instance)
        }
        return hosts.reasonToSetAside(host).map { setAside(host, because: $0) } ?? []
    }

    /// A process that was taken for dead came back: its connection had broken. Nothing is held against task or host.
    mutating func exonerate(_ capabilities: Capabilities) -> [Directive] {
        guard let instance = capabilities.instance, blamed.remove(instance) != nil else { return [] }
        let host = hosts.exonerate(instance: instance)
        scheduler?.exonerate(instance: instance)
        let name = capabilities.name.isEmpty ? "a worker on \(capabilities.host)" : capabilities.name
        return [.happened(.exonerated(worker: name, host: host))]
    }

    /// Sends the workers of a host away for good, where other hosts go on.
    /// - Returns: nothing where there is no other host.
    mutating func setAside(_ host: String, because cause: HostCause) -> [Directive] {
        let others = membership.members.values.filter { $0.capabilities.host != host && leaves[$0.id] == nil }
        guard hosts.setAside[host] == nil, !others.isEmpty else { return [] }
        hosts.setAside(host, because: cause)
        var directives: [Directive] = [.happened(.setAside(host: host, cause))]
        directives += schedule {
            $0.exonerate(host: host)
            return []
        }
        let workers = membership.members.values.filter { $0.capabilities.host == host }.sorted { $0.id < $1.id }
        for member in workers {
            directives.append(.refuse(member, .hostSetAside(host: host, cause)))
            directives += lose(member.id, .hostSetAside)
        }
        return directives
    }

    /// What a newcomer from such a host hears.
    func refusal(_ session: [UInt8], _ capabilities: Capabilities, now: Double) -> Directive? {
        let refusal =
            hosts.setAside[capabilities.host].map { Refusal.hostSetAside(host: capabilities.host, $0) }
            ?? leftOut.first { $0.isOne(capabilities) }.map { .leftOut(worker: $0.name, $0.result) }
        return refusal.map {
            .refuse(
                FleetWorker(id: 0, session: session, capabilities: capabilities, lastHeard: now, lastActive: now), $0)
        }
    }

    /// A stage says how far its tasks are.
    mutating func noteProgress(of id: Int, _ beat: Beat) {
        guard !beat.retired.isEmpty else { return }
        for (epoch, pipeline) in pipelines {
            guard let stage = pipeline.placements.firstIndex(where: { $0.worker == id }) else { continue }
            for (task, count) in beat.retired {
                guard let index = index(of: TaskKey(epoch: epoch, task: task)) else { continue }
                _ = schedule {
                    $0.progress(index, on: epoch, stage: stage, retired: count)
                    return []
                }
            }
        }
    }

    // MARK: Status

    /// What is out of the ordinary, in words: tasks that run twice, workers that leave, hosts that were set aside.
    package var remarks: [String] {
        var remarks: [String] = []
        if let deadline = ending.deadline {
            remarks.append("stopping: what ends within \(Int(max(0, deadline - now))) s is kept")
        }
        for (task, late, by) in scheduler?.speculations ?? [] {
            let slow = late.flatMap { workerNames($0) }.joined(separator: ", ")
            let names = workerNames(by).joined(separator: ", ")
            remarks.append("\(scheduler!.name(of: task)) runs a second time on \(names): late on \(slow)")
        }
        for (id, leave) in leaves.sorted(by: { $0.key < $1.key }) {
            guard let name = membership[id]?.name else { continue }
            let epoch = pipelines.first { $0.value.placements.contains { $0.worker == id } }?.key
            let running = epoch.flatMap { epoch in scheduler?.running(on: epoch).map { scheduler!.name(of: $0) } } ?? []
            let what = running.isEmpty ? "as soon as others can go on" : "after \(running.joined(separator: ", "))"
            let limit = leave.deadline.map { ", in \(Int(max(0, $0 - now))) s at most" } ?? ""
            remarks.append("\(name) is to leave (\(leave.cause)) \(what)\(limit)")
        }
        for (host, cause) in hosts.setAside.sorted(by: { $0.key < $1.key }) {
            remarks.append("host \(host) is set aside: \(cause)")
        }
        for worker in leftOut { remarks.append("\(worker.name) on \(worker.host) is left out: it \(worker.result)") }
        return remarks
    }
}
