import Protocol

/// A worker that is to leave: what it has begun it may finish.
struct Leave: Sendable {
    var cause: LossCause
    /// When it goes in any case; `nil`: it has time.
    var deadline: Double?
}

/// Workers that leave in order, and the end of a run before its time.
extension FleetCore {
    /// `faultline drain`: a worker takes nothing new and leaves when it has finished what it runs and others can go on.
    package mutating func drain(_ name: String, now: Double) -> [Directive] {
        guard let member = membership.members.values.first(where: { $0.name == name }) else {
            return [.happened(.unknownWorker(name))]
        }
        return leave(member.id, .drained, within: nil, now: now)
    }

    /// - Parameter seconds: how long it can stay; `nil`: as long as it takes.
    mutating func leave(_ id: Int, _ cause: LossCause, within seconds: Double?, now: Double) -> [Directive] {
        guard let member = membership[id] else { return [] }
        let deadline = seconds.map { now + $0 }
        guard let known = leaves[id] else {
            leaves[id] = Leave(cause: cause, deadline: deadline)
            let last = releaseLeavers(now: now)
            guard leaves[id] != nil else { return last }
            return [.happened(.leaving(worker: member.name, host: member.capabilities.host, cause))] + last
        }
        leaves[id]!.deadline = [known.deadline, deadline].compactMap { $0 }.min()
        return releaseLeavers(now: now)
    }

    /// Lets go of those who have nothing left to finish, or no time to.
    mutating func releaseLeavers(now: Double) -> [Directive] {
        var directives: [Directive] = []
        for (id, leave) in leaves.sorted(by: { $0.key < $1.key }) {
            guard let member = membership[id] else { continue }
            let epoch = pipelines.first { $0.value.placements.contains { $0.worker == id } }?.key
            if leave.deadline == nil, isNeeded(id) {
                // Perhaps it was not when it was asked.
                if let epoch, pipelines[epoch]!.placements.allSatisfy({ leaves[$0.worker]?.deadline == nil }) {
                    directives += schedule { $0.reopen(epoch) }
                }
                continue
            }
            if let epoch {
                directives += schedule { $0.close(epoch, forGood: leave.deadline != nil) }
                if canFinish(epoch, by: leave.deadline) { continue }
            }
            directives.append(.dismiss(member, .goodbye(reason: "\(leave.cause)")))
            directives += lose(id, leave.cause)
        }
        return directives
    }

    /// Nobody else would be left, or what was trained would be lost.
    private func isNeeded(_ id: Int) -> Bool {
        if membership.members.keys.allSatisfy({ leaves[$0] != nil }) { return true }
        guard let epoch = pipelines.first(where: { $0.value.placements.contains { $0.worker == id } })?.key else {
            return false
        }
        return training.isHeld || scheduler?.holdsSequence(epoch) == true
    }

    /// Something runs there that ends in time, for all that is known.
    private func canFinish(_ epoch: UInt64, by deadline: Double?) -> Bool {
        guard let scheduler else { return false }
        let running = scheduler.running(on: epoch)
        guard let deadline else { return !running.isEmpty }
        // What is trained there goes with the worker.
        guard now < deadline, !scheduler.holdsSequence(epoch) else { return false }
        return running.contains { (scheduler.secondsLeft($0, on: epoch) ?? 0) <= deadline - now }
    }

    /// Of these workers those that new pipelines are made of: who is to leave is not, unless there is nobody else.
    func available(_ ids: some Collection<Int>) -> [Int] {
        let staying = ids.filter { leaves[$0] == nil }
        return staying.isEmpty ? ids.filter { leaves[$0]?.deadline == nil } : staying
    }

    // MARK: Ending early

    /// The run is to end: what has begun may finish within so many seconds, nothing else begins.
    package mutating func stop(within seconds: Double, now: Double) -> [Directive] {
        guard !ending.isReached else { return [] }
        ending.ask(by: now + seconds)
        return schedule { $0.stop() } + concludeStop(now: now)
    }

    /// Says so once nothing is left that ends in time.
    mutating func concludeStop(now: Double) -> [Directive] {
        guard let deadline = ending.deadline, !ending.isReached else { return [] }
        guard now >= deadline || !pipelines.keys.contains(where: { canFinish($0, by: deadline) }) else { return [] }
        ending.reach()
        return endRun(holdsTraining: false) + [.event(.stopped)]
    }
}
