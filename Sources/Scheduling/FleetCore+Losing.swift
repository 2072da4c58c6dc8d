import Protocol

/// Time passes, workers are lost, and their pipelines with them.
extension FleetCore {
    /// To be called several times a second.
    /// - Parameter diskIsSlow: results wait for the coordinator's disk, not for workers.
    package mutating func tick(now: Double, diskIsSlow: Bool = false) -> [Directive] {
        tell(now)
        let gap = now - (lastTick ?? now)
        lastTick = now
        // This program stood still: it is not the workers who were silent.
        let slept = gap > 5
        if slept { membership.excuse(gap) }
        var directives = membership.overdue(now: now, lease: policy.lease, stall: policy.stall)
            .flatMap { lose($0.id, $0.cause) }
        for epoch in idle.overdue(
            activity, now: now, limit: policy.idle ?? policy.lease * 1.5, isWaiting: diskIsSlow || slept)
        {
            directives.append(.happened(.idle(pipeline: epoch)))
            directives += dissolve(epoch, without: nil, .idle(pipeline: epoch), crashed: false)
        }
        directives += schedule { $0.speculate() } + rebalance()
        directives += releaseLeavers(now: now) + concludeStop(now: now)
        return directives + watchDesertion(now)
    }

    /// The last sign of life of every pipeline that has work.
    var activity: [UInt64: Double] {
        pipelines.filter { !$0.value.isReady || scheduler?.running(on: $0.key).isEmpty == false }
            .mapValues { $0.placements.map { membership[$0.worker]?.lastActive ?? 0 }.max() ?? 0 }
    }

    /// Nobody is there, and there is work: a while is given to those who may come (back).
    mutating func watchDesertion(_ now: Double) -> [Directive] {
        guard mayReturn, model != nil, pipelines.isEmpty, membership.members.isEmpty, scheduler != nil || awaitingReady
        else {
            deserted = nil
            return []
        }
        guard let since = deserted else {
            deserted = now
            return [.happened(.deserted(last: lastCause, seconds: Int(policy.comeback)))]
        }
        return now - since > policy.comeback ? fail(.noWorkerLeft(last: lastCause)) : []
    }

    /// A worker is no member any more, and its pipeline ends.
    package mutating func lose(_ id: Int, _ cause: LossCause) -> [Directive] {
        guard let member = membership.remove(id) else { return [] }
        let interruption = InterruptionCause.lost(worker: member.name, cause)
        lastCause = interruption
        let host = member.capabilities.host
        let epoch = pipelines.first(where: { $0.value.placements.contains { $0.worker == id } })?.key
        let interrupted = epoch.flatMap { scheduler?.running(on: $0) } ?? []
        let isOrderly = leaves.removeValue(forKey: id) != nil && interrupted.isEmpty
        let occurrence: FleetOccurrence =
            isOrderly
            ? .left(worker: member.name, host: host, cause) : .lost(worker: member.name, host: host, cause)
        var directives: [Directive] = [.happened(occurrence), .event(.membership)]
        if cause.endsProcess { directives.append(.ended(member)) }
        tally.lost(id, cause.label, interrupted: interrupted.count)
        guard let epoch else { return directives }
        if cause.isCrash {
            if let instance = member.capabilities.instance { blamed.insert(instance) }
            directives += blame(member, in: epoch, cause)
        }
        return directives
            + dissolve(
                epoch, without: member, interruption, crashed: cause.isCrash && hosts.setAside[host] == nil)
    }

    /// Ends a pipeline: its tasks wait again, those of its workers that are left form new ones.
    mutating func dissolve(
        _ epoch: UInt64, without lost: FleetWorker?, _ cause: InterruptionCause, crashed: Bool
    ) -> [Directive] {
        guard let pipeline = pipelines.removeValue(forKey: epoch) else { return [] }
        if lost == nil {
            lastCause = cause
            // What did not go on as it was is not taken over again.
            for placement in pipeline.placements { membership.forgetHoldings(of: placement.worker) }
        }
        var directives: [Directive] = []
        for task in scheduler?.running(on: epoch) ?? [] {
            directives.append(
                .happened(.interrupted(task: scheduler!.name(of: task), worker: lost?.name ?? "", cause)))
            for placement in pipeline.placements where placement.worker != lost?.id {
                directives.append(.send(worker: placement.worker, .abort(key(epoch, task))))
            }
        }
        directives.append(.dropTransfers(epoch: epoch))
        if training.isHeld {
            if training.lost(cause, isBetweenRuns: scheduler?.isFinished ?? true) {
                directives.append(.event(.trainingLost(cause)))
            }
            return directives + endRun(holdsTraining: false) + reform() + advance()
        }
        if scheduler?.isFinished == true { training.lostAtTheEnd(cause) }
        let crash = lost.flatMap {
            crashed
                ? Scheduler.Crash(worker: $0.name, host: $0.capabilities.host, instance: $0.capabilities.instance) : nil
        }
        let names = Set(membership.members.values.map(\.name))
        directives += schedule { $0.pipelineLost(epoch, crash: crash, cause: cause, workers: names) }
        return directives + reform() + advance()
    }
}
