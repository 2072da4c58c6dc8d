import Protocol

/// Which pipeline gets which task next.
extension Scheduler {
    /// Tasks in index order to the pipelines with the fewest.
    mutating func grants() -> [Directive] {
        guard !isStopping else { return [] }
        var directives: [Directive] = []
        while firstWaiting < entries.count, entries[firstWaiting].isDone { firstWaiting += 1 }
        var waitingCount = waitingCount
        for task in firstWaiting..<max(firstWaiting, limit) {
            guard entries[task].isWaiting, let id = place(for: task, waitingCount) else { continue }
            begin(task, on: id)
            if let sequence = entries[task].task.sequence { sequences[sequence] = id }
            waitingCount -= 1
            directives.append(.grant(pipeline: id, task: task))
        }
        return directives
    }

    mutating func begin(_ task: Int, on id: UInt64, isCopy: Bool = false) {
        if pipelines[id]!.running.isEmpty { pipelines[id]!.pace.began(at: now) }
        entries[task].attempts[id] = Attempt(isCopy: isCopy)
        pipelines[id]!.running.insert(task)
    }

    private func place(for task: Int, _ waitingCount: Int) -> UInt64? {
        let entry = entries[task]
        if let sequence = entry.task.sequence {
            for earlier in 0..<task where entries[earlier].task.sequence == sequence {
                guard entries[earlier].isDone else { return nil }
            }
        }
        return pipelines.filter { id, pipeline in
            if let sequence = entry.task.sequence, let owner = sequences[sequence], owner != id { return false }
            return hasRoom(pipeline, for: task, waitingCount) && isWelcome(task, on: pipeline)
        }
        .min { ($0.value.running.count, $0.key) < ($1.value.running.count, $1.key) }?.key
    }

    func hasRoom(_ pipeline: Pipeline, for task: Int, _ waitingCount: Int) -> Bool {
        if pipeline.isClosed { return false }
        if pipeline.running.isEmpty { return true }
        return pipeline.running.count < depth(entries[task].task, pipeline, waitingCount)
            && !entries[task].deaths.isSuspect
            && pipeline.running.allSatisfy { entries[$0].task.sequence == nil && !entries[$0].deaths.isSuspect }
    }

    /// A task under which a worker died goes to another host, if there is one: that tells a bad task from a bad host.
    func isWelcome(_ task: Int, on pipeline: Pipeline) -> Bool {
        let hosts = entries[task].deaths.hosts
        guard !pipeline.hosts.isDisjoint(with: hosts) else { return true }
        return !pipelines.values.contains { !$0.isClosed && $0.hosts.isDisjoint(with: hosts) }
    }

    /// How many tasks a pipeline holds so that its stages stay busy.
    private func depth(_ task: FleetTask, _ pipeline: Pipeline, _ waitingCount: Int) -> Int {
        if task.sequence != nil { return 1 }
        if pipeline.stageCount == 1 {
            // Tiny tasks go several at once: the way there and back takes longer than they do.
            let several = min(Int(64 / max(1, task.cost)), waitingCount / (2 * pipelines.count))
            return max(waitingCount > pipelines.count ? 2 : 1, several)
        }
        return task.body.pipelineDepth(stages: pipeline.stageCount)
    }
}
