import Protocol

/// Who is late, and who may help out. Estimates are kind to those at work: what they have not shown yet counts as nearly
/// done, so that a second attempt needs evidence.
extension Scheduler {
    /// A second attempt has to be so many times as fast as what is left of the first.
    private static let margin = 1.5

    /// What a beat says: batches that a stage has behind it.
    package mutating func progress(_ task: Int, on id: UInt64, stage: Int, retired: Int) {
        guard retired > 0, entries.indices.contains(task), let attempt = entries[task].attempts[id] else { return }
        entries[task].attempts[id]!.reported = now
        entries[task].attempts[id]!.retired[stage] = max(retired, attempt.retired[stage] ?? 0)
    }

    func hasBegun(_ task: Int, on id: UInt64) -> Bool {
        entries[task].attempts[id].map { !$0.retired.isEmpty || !$0.results.isEmpty } ?? false
    }

    /// To be called now and then: idle pipelines take over what will end late elsewhere, begun or not.
    package mutating func speculate() -> [Directive] {
        guard !isStopping else { return [] }
        var directives: [Directive] = []
        while let copy = bestCopy() {
            begin(copy.task, on: copy.to, isCopy: true)
            directives.append(.copy(task: copy.task, to: copy.to, from: copy.from))
        }
        return directives
    }

    /// The task that ends last, where another pipeline would be through with it clearly earlier.
    private func bestCopy() -> (task: Int, to: UInt64, from: UInt64)? {
        let late = pipelines.flatMap { id, pipeline in
            pipeline.running.filter { mayBeCopied($0) }.compactMap { task in
                secondsLeft(task, on: id).map { (task: task, from: id, left: $0) }
            }
        }
        .filter { $0.left >= minimumGain }.sorted { ($1.left, $0.task) < ($0.left, $1.task) }
        guard !late.isEmpty else { return nil }
        for (task, from, left) in late {
            let best = pipelines.filter { id, pipeline in
                id != from && hasRoom(pipeline, for: task, 0) && isWelcome(task, on: pipeline)
            }
            .compactMap { id, _ in secondsToRun(task, on: id).map { (id: id, seconds: $0) } }
            .min { ($0.seconds, $0.id) < ($1.seconds, $1.id) }
            guard let best, left > Self.margin * best.seconds, left - best.seconds >= minimumGain else { continue }
            return (task, best.id, from)
        }
        return nil
    }

    /// Sequences share state, and what was trained is in one pipeline only.
    private func mayBeCopied(_ task: Int) -> Bool {
        guard entries[task].attempts.count == 1, entries[task].task.sequence == nil else { return false }
        return entries[task].task.body.mayRunTwice
    }

    // MARK: Estimates

    /// Steps whose number is known beforehand: answers end when they end.
    private func steps(of task: Int) -> Int { max(1, entries[task].task.body.knownSteps ?? 1) }

    /// The share of a task that is behind all stages. Never all of it: the result has to come yet.
    private func share(of task: Int, on id: UInt64) -> Double {
        let count = steps(of: task)
        guard count > 1, let attempt = entries[task].attempts[id] else { return 0 }
        let slowest =
            (0..<pipelines[id]!.stageCount).map { stage in
                attempt.results[stage] == nil ? attempt.retired[stage] ?? 0 : count
            }.min() ?? 0
        return min(0.9, Double(slowest) / Double(count))
    }

    /// What of a task's cost an attempt has done at most, the batches inside the pipeline included.
    func doneAtMost(_ task: Int, on id: UInt64) -> Double {
        let cost = entries[task].task.cost
        let inside = Double(1 + (pipelines[id]?.stageCount ?? 1)) / Double(steps(of: task))
        return min(cost, cost * (share(of: task, on: id) + inside))
    }

    /// Seconds for a unit of cost: its average, or more where its present work shows that. `nil` where nothing is known.
    private func pace(of id: UInt64) -> Double? {
        guard let pipeline = pipelines[id] else { return nil }
        let average = pipeline.pace.average
        guard let first = pipeline.running.min() else { return average }
        let since = pipeline.pace.since
        let others = pipeline.running.reduce(0) {
            $1 == first ? $0 : $0 + entries[$1].task.cost * share(of: $1, on: id)
        }
        // Even if its first task ended this moment.
        var bounds = [(now - since) / (entries[first].task.cost + others)]
        let reported = pipeline.running.map { entries[$0].attempts[id]?.reported ?? 0 }.max() ?? 0
        if reported > since { bounds.append((reported - since) / (doneAtMost(first, on: id) + others)) }
        return (bounds.filter(\.isFinite) + [average ?? 0]).max()
    }

    /// Seconds until a pipeline is through with a task it has; `nil` where nothing is known.
    package func secondsLeft(_ task: Int, on id: UInt64) -> Double? {
        guard let pace = pace(of: id) else { return nil }
        return pipelines[id]!.running.filter { $0 <= task }
            .reduce(0) { $0 + pace * entries[$1].task.cost * (1 - share(of: $1, on: id)) }
    }

    /// Seconds a pipeline would take for one more task, after what it has; a newcomer is taken for one like the others.
    private func secondsToRun(_ task: Int, on id: UInt64) -> Double? {
        guard let pace = pace(of: id) ?? middlePace, let pipeline = pipelines[id] else { return nil }
        let steps = Double(steps(of: task))
        // The last batch goes through all stages after the first stage is done.
        let own = entries[task].task.cost * (steps + Double(pipeline.stageCount) - 1) / steps
        return pipeline.running.reduce(pace * own) {
            $0 + pace * entries[$1].task.cost * (1 - share(of: $1, on: id))
        }
    }

    private var middlePace: Double? {
        let known = pipelines.values.compactMap(\.pace.average).sorted()
        return known.isEmpty ? nil : known[known.count / 2]
    }
}
