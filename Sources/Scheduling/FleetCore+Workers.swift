package import Protocol

/// What workers say, and what follows.
extension FleetCore {
    package mutating func hello(_ session: [UInt8], _ capabilities: Capabilities, now: Double) -> [Directive] {
        if let known = membership.id(of: session) {
            membership.heard(known, now: now)
            return [.send(worker: known, .welcome(worker: membership[known]!.name, run: policy.run))]
        }
        tell(now)
        let exonerated = exonerate(capabilities)
        if let refusal = refusal(session, capabilities, now: now) { return exonerated + [refusal] }
        if let resumed = resume(session, capabilities, now: now) { return resumed }
        var directives = exonerated
        let same = capabilities.instance.flatMap { membership.id(instance: $0) }.flatMap {
            membership[$0]!.capabilities.publicKey == capabilities.publicKey ? $0 : nil
        }
        if let old = same ?? (capabilities.name.isEmpty ? nil : membership.id(named: capabilities.name)) {
            directives += lose(old, .rejoined)
        }
        let member = membership.join(session, capabilities, now: now)
        deserted = nil
        directives.append(.send(worker: member.id, .welcome(worker: member.name, run: policy.run)))
        directives.append(
            .happened(
                .joined(
                    worker: member.name, host: capabilities.host, pid: capabilities.pid,
                    threads: capabilities.threads, level: capabilities.level)))
        tally.joined(member.id, now: now)
        directives += agreeOnLevel()
        directives.append(.event(.membership))
        return directives + (model == nil ? [] : reform())
    }

    package mutating func heard(_ message: ToCoordinator, from id: Int, now: Double) -> [Directive] {
        membership.heard(id, now: now)
        tell(now)
        if case .beat(let beat) = message {
            membership.beat(id, beat, now: now)
        } else {
            membership.active(id, now: now)
        }
        switch message {
        case .hello: return []
        case .beat(let beat):
            tally.beat(id, retired: beat.retired, steps: beat.steps, now: now)
            noteProgress(of: id, beat)
            return []
        case .assigned(let epoch):
            // Said twice it must not bring the edit twice: tasks may have begun.
            guard let placement = placement(of: id, epoch), !pipelines[epoch]!.placements[placement].loaded else {
                return []
            }
            pipelines[epoch]!.placements[placement].loaded = true
            return [offer(epoch, placement)]
        case .edited(let epoch, let edit):
            guard let placement = placement(of: id, epoch), edit == editID else { return [] }
            pipelines[epoch]!.placements[placement].edited = true
            return advance()
        case .assignmentFailed(let epoch, let error):
            guard placement(of: id, epoch) != nil, let member = membership[id] else { return [] }
            // Where there are other machines, this one alone is left out: it may lack the model.
            let directives = setAside(
                member.capabilities.host, because: .cannotLoad(worker: member.name, error: error))
            return directives.isEmpty ? fail(.cannotLoad(worker: member.name, error: error)) : directives
        case .unfit(let epoch, let reason):
            guard placement(of: id, epoch) != nil else { return [] }
            return [.refuse(membership[id]!, .unfit(reason))] + lose(id, .unfit(reason))
        case .taskFailed(let key, let error): return failed(key, error, by: id)
        case .offer(let key, let digest, let byteCount): return offered(key, digest, byteCount, by: id, now: now)
        case .leaving(let reason, let grace):
            return leave(id, .askedToStop(reason), within: grace ?? 0, now: now)
        }
    }

    /// A worker could not compute a task.
    private mutating func failed(_ key: TaskKey, _ error: String, by id: Int) -> [Directive] {
        if isStillToBeJudged(key, of: id) {
            membership.changeHolding(key, of: id, to: nil)
            return []
        }
        guard let placement = placement(of: id, key.epoch), let index = index(of: key) else { return [] }
        return fail(
            .taskFailed(
                worker: membership[id]!.name, layers: pipelines[key.epoch]!.placements[placement].layers, task: index,
                error: error))
    }

    /// A worker has a result for us.
    private mutating func offered(
        _ key: TaskKey, _ digest: String, _ byteCount: Int, by id: Int, now: Double
    ) -> [Directive] {
        if isStillToBeJudged(key, of: id) {
            membership.changeHolding(key, of: id, to: (digest: digest, byteCount: byteCount))
            return []
        }
        guard let placement = placement(of: id, key.epoch), let index = index(of: key) else {
            return isUnrecorded(key) ? [] : [.send(worker: id, .committed(key))]
        }
        let layers = pipelines[key.epoch]!.placements[placement].layers
        guard scheduler?.running(on: key.epoch).contains(index) == true else {
            guard !isUnrecorded(key) else { return [] }
            return [.send(worker: id, .committed(key))]
                + schedule { $0.late(index, stage: placement, layers: layers, digest: digest) }
        }
        // Offered again by a worker that cannot know that it has arrived.
        guard scheduler?.wants(index, stage: placement, from: key.epoch) == true else { return [] }
        tally.finished(id, task: key.task, batches: knownBatchCount(of: index), now: now)
        return [
            .fetch(
                worker: id, key, index: index, stage: placement, layers: layers, digest: digest, byteCount: byteCount)
        ]
    }

    /// A result is on disk or in memory, its digest checked.
    package mutating func fetched(_ key: TaskKey, index: Int, _ result: StageResult, worker: Int) -> [Directive] {
        guard self.index(of: key) == index, pipelines[key.epoch] != nil else { return [.discard(result)] }
        idle.finished()
        if let host = membership[worker]?.capabilities.host { hosts.succeeded(on: host) }
        let workers = pipelines[key.epoch]!.placements.map(\.worker)
        let results = scheduler!.result(result, task: index, pipeline: key.epoch)
        // The workers keep theirs until the whole task is on record.
        if results.contains(where: { if case .record(index, _) = $0 { true } else { false } }) {
            unrecorded[index] = (key, workers)
        }
        let directives = carryOut(results)
        let isKept = isUnrecorded(key) || scheduler?.running(on: key.epoch).contains(index) == true
        return isKept ? directives : directives + workers.map { .send(worker: $0, .committed(key)) }
    }
}
