package import Protocol

/// Which pipeline runs which task, and when a task is committed. Pure: it returns what is to be done.
package struct Scheduler: Sendable {
    package enum Directive: Sendable {
        case grant(pipeline: UInt64, task: Int)
        /// Finished: to be put on record. In any order.
        case record(task: Int, [StageResult])
        /// In index order.
        case commit(task: Int, [StageResult])
        /// A result that nobody needs (a sequence ran again): its file may go.
        case discard(StageResult)
        case finished
        case fail(String)
    }

    private enum State: Sendable { case waiting, running(UInt64), done }

    private struct Entry: Sendable {
        var task: FleetTask
        var state = State.waiting
        var crashes = 0
        var results: [Int: StageResult] = [:]
    }

    private struct Pipeline: Sendable {
        var stageCount: Int
        var running: Set<Int> = []
    }

    /// Deaths of a worker under one task after which the task is set aside.
    package static let crashLimit = 3

    private var entries: [Entry]
    private var pipelines: [UInt64: Pipeline] = [:]
    private var sequences: [Int: UInt64] = [:]
    /// Digests of delivered tasks by (task, stage, layers).
    private var committed: [Int: [StageResult]] = [:]
    package private(set) var nextCommit = 0
    private var acknowledged = 0
    private var firstWaiting = 0
    /// Tasks that may be ahead of the caller: what bounds memory and disk.
    private let lookahead: Int

    package init(tasks: [FleetTask], lookahead: Int = 64) {
        entries = tasks.map { Entry(task: $0) }
        self.lookahead = max(1, lookahead)
    }

    package var isFinished: Bool { nextCommit == entries.count }
    package var count: Int { entries.count }
    package var totalCost: Double { entries.reduce(0) { $0 + $1.task.cost } }
    /// Steps of progress inside a task: batches, or generation steps.
    package func batchCount(of task: Int) -> Int {
        switch entries[task].task.body {
        case .score(_, let batches), .likelihood(let batches), .headOutputs(let batches): batches.count
        case .train(let training): training.steps.reduce(0) { $0 + $1.count }
        // At most: answers that end early end it sooner.
        case .generate(let generation):
            (generation.prompts.count + generation.slots - 1) / max(1, generation.slots) * generation.maxNewTokens
        case .export, .checkpoint: 0
        }
    }
    package var costDone: Double {
        entries.reduce(0) { if case .done = $1.state { $0 + $1.task.cost } else { $0 } }
    }
    package var doneCount: Int { entries.count { if case .done = $0.state { true } else { false } } }
    package func name(of task: Int) -> String {
        entries[task].task.name.isEmpty ? "task \(task)" : entries[task].task.name
    }
    package func body(of task: Int) -> TaskBody { entries[task].task.body }
    package func cost(of task: Int) -> Double { entries[task].task.cost }
    package func running(on pipeline: UInt64) -> [Int] { pipelines[pipeline]?.running.sorted() ?? [] }

    /// Whether this stage's result is still to come from there.
    package func wants(_ task: Int, stage: Int, from pipeline: UInt64) -> Bool {
        guard entries.indices.contains(task), case .running(pipeline) = entries[task].state else { return false }
        return entries[task].results[stage] == nil
    }

    package mutating func pipelineReady(_ id: UInt64, stageCount: Int) -> [Directive] {
        if pipelines[id] == nil { pipelines[id] = Pipeline(stageCount: stageCount) }
        return grants()
    }

    /// A pipeline that is at these tasks already; nothing is granted yet.
    package mutating func adopt(_ id: UInt64, stageCount: Int, running: [Int]) {
        pipelines[id] = Pipeline(stageCount: stageCount, running: Set(running))
        for task in running { entries[task].state = .running(id) }
    }

    /// The first task of this content that nobody works on.
    package func waiting(content: String, except taken: [Int]) -> Int? {
        guard !content.isEmpty else { return nil }
        return entries.indices.first {
            guard case .waiting = entries[$0].state else { return false }
            return entries[$0].task.content == content && entries[$0].task.sequence == nil && !taken.contains($0)
        }
    }

    package func hasResult(of task: Int, stage: Int) -> Bool { entries[task].results[stage] != nil }

    /// - Parameter crashed: a worker died in it, which counts against the task it most likely died of: its first.
    package mutating func pipelineLost(_ id: UInt64, crashed: Bool, cause: String) -> [Directive] {
        guard let lost = pipelines.removeValue(forKey: id) else { return grants() }
        var directives: [Directive] = []
        for task in lost.running { directives += reset(task) }
        for (sequence, owner) in sequences where owner == id {
            sequences[sequence] = nil
            let members = entries.indices.filter { entries[$0].task.sequence == sequence }
            let isOver = members.allSatisfy { if case .done = entries[$0].state { true } else { false } }
            if !isOver { for task in members { directives += reset(task) } }
        }
        firstWaiting = 0
        if crashed, let task = lost.running.min() {
            entries[task].crashes += 1
            if entries[task].crashes >= Self.crashLimit {
                return directives + [
                    .fail(
                        "task \(task) is set aside: workers died under it \(entries[task].crashes) times (last: \(cause))"
                    )
                ]
            }
        }
        return directives + grants()
    }

    /// One stage's result is safe.
    package mutating func result(_ result: StageResult, task: Int, pipeline: UInt64) -> [Directive] {
        guard entries.indices.contains(task), case .running(pipeline) = entries[task].state,
            let owner = pipelines[pipeline]
        else { return [.discard(result)] }
        if let earlier = entries[task].results[result.stage] {
            guard earlier.digest == result.digest else { return [alarm(task, result)] }
            return []
        }
        entries[task].results[result.stage] = result
        guard entries[task].results.count == owner.stageCount else { return [] }
        pipelines[pipeline]!.running.remove(task)
        entries[task].state = .done
        var directives: [Directive] = []
        if let before = committed[task] {
            for again in entries[task].results.values {
                if let first = before.first(where: { $0.stage == again.stage && $0.layers == again.layers }),
                    first.digest != again.digest
                {
                    return [alarm(task, again)]
                }
                directives.append(.discard(again))
            }
            entries[task].results = [:]
        } else {
            let results = entries[task].results.values.sorted { $0.stage < $1.stage }
            directives.append(.record(task: task, results))
        }
        while nextCommit < entries.count, case .done = entries[nextCommit].state {
            let results = entries[nextCommit].results.values.sorted { $0.stage < $1.stage }
            entries[nextCommit].results = [:]
            if entries[nextCommit].task.sequence != nil {
                committed[nextCommit] = results.map {
                    StageResult(
                        stage: $0.stage, layers: $0.layers, digest: $0.digest, bundle: .file(""), worker: $0.worker)
                }
            }
            directives.append(.commit(task: nextCommit, results))
            nextCommit += 1
        }
        if isFinished { directives.append(.finished) }
        return directives + grants()
    }

    /// The caller has taken task `task` and all before it.
    package mutating func acknowledge(through task: Int) -> [Directive] {
        acknowledged = max(acknowledged, task + 1)
        return grants()
    }

    package mutating func start() -> [Directive] { entries.isEmpty ? [.finished] : grants() }

    private func alarm(_ task: Int, _ result: StageResult) -> Directive {
        .fail(
            "determinism is broken: task \(task), stage \(result.stage) came twice with different bytes (\(result.digest.prefix(12))…)"
        )
    }

    private mutating func reset(_ task: Int) -> [Directive] {
        let unused = entries[task].results.values.map { Directive.discard($0) }
        entries[task].results = [:]
        entries[task].state = .waiting
        return unused
    }

    /// Tasks in index order to the pipelines with the fewest.
    private mutating func grants() -> [Directive] {
        var directives: [Directive] = []
        while firstWaiting < entries.count, case .done = entries[firstWaiting].state { firstWaiting += 1 }
        let limit = min(entries.count, acknowledged + max(lookahead, 2 * pipelines.count))
        var waitingCount = 0
        for task in firstWaiting..<max(firstWaiting, entries.count) {
            if case .waiting = entries[task].state { waitingCount += 1 }
        }
        for task in firstWaiting..<max(firstWaiting, limit) {
            guard case .waiting = entries[task].state, let id = place(for: task, waitingCount) else { continue }
            entries[task].state = .running(id)
            pipelines[id]!.running.insert(task)
            if let sequence = entries[task].task.sequence { sequences[sequence] = id }
            waitingCount -= 1
            directives.append(.grant(pipeline: id, task: task))
        }
        return directives
    }

    private func place(for task: Int, _ waitingCount: Int) -> UInt64? {
        let entry = entries[task]
        if let sequence = entry.task.sequence {
            for earlier in 0..<task where entries[earlier].task.sequence == sequence {
                guard case .done = entries[earlier].state else { return nil }
            }
        }
        return pipelines.filter { id, pipeline in
            if let sequence = entry.task.sequence, let owner = sequences[sequence], owner != id { return false }
            return pipeline.running.count < depth(entry.task, pipeline, waitingCount)
                && pipeline.running.allSatisfy { entries[$0].task.sequence == nil }
        }
        .min { ($0.value.running.count, $0.key) < ($1.value.running.count, $1.key) }?.key
    }

    /// How many tasks a pipeline holds so that its stages stay busy: scoring keeps an accumulator a task, hence few.
    private func depth(_ task: FleetTask, _ pipeline: Pipeline, _ waitingCount: Int) -> Int {
        if task.sequence != nil { return 1 }
        if pipeline.stageCount == 1 { return waitingCount > pipelines.count ? 2 : 1 }
        return switch task.body {
        case .score: 2
        case .likelihood, .headOutputs, .generate: pipeline.stageCount + 1
        case .train, .export, .checkpoint: 1
        }
    }
}
