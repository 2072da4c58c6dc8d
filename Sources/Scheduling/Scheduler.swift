package import Protocol

/// Which pipeline runs which task, and when a task is committed. Pure: it returns what is to be done; the clock is its
/// owner's.
package struct Scheduler: Sendable {
    package enum Directive: Sendable {
        case grant(pipeline: UInt64, task: Int)
        /// A second attempt elsewhere, since the first is late; whichever ends first counts.
        case copy(task: Int, to: UInt64, from: UInt64)
        /// An attempt that is of no use any more.
        case abort(pipeline: UInt64, task: Int)
        /// Finished: to be put on record. In any order.
        case record(task: Int, [StageResult])
        /// In index order.
        case commit(task: Int, [StageResult])
        /// A result that nobody needs (a sequence ran again): its file may go.
        case discard(StageResult)
        case finished
        case fail(FleetFailure)
    }

    /// A task on a pipeline.
    struct Attempt: Sendable {
        var results: [Int: StageResult] = [:]
        var isCopy = false
        /// Batches that stages have behind them, and when one last said so.
        var retired: [Int: Int] = [:]
        var reported = 0.0
    }

    struct Entry: Sendable {
        var task: FleetTask
        var isDone = false
        /// By pipeline; a second one only where the first is late.
        var attempts: [UInt64: Attempt] = [:]
        var deaths = TaskDeaths()
        /// Until they are committed.
        var results: [StageResult] = []
        var isWaiting: Bool { !isDone && attempts.isEmpty }
    }

    struct Pipeline: Sendable {
        var stageCount: Int
        var hosts: Set<String> = []
        var running: Set<Int> = []
        /// Takes nothing new: a worker of it is to leave.
        var isClosed = false
        var isClosedForGood = false
        var pace = Throughput()
    }

    var entries: [Entry]
    var pipelines: [UInt64: Pipeline] = [:]
    var sequences: [Int: UInt64] = [:]
    /// What the results of tasks were that may come again.
    private var settled = SettledResults()
    package private(set) var nextCommit = 0
    private var acknowledged = 0
    /// All tasks before this one are done.
    var firstWaiting = 0
    /// Tasks that may be ahead of the caller: what bounds memory and disk.
    private let lookahead: Int
    /// Seconds of the latest event, kept by the owner.
    package var now = 0.0
    /// Seconds a second attempt has to save at least.
    let minimumGain: Double
    private(set) var isStopping = false

    package init(tasks: [FleetTask], lookahead: Int = 64, minimumGain: Double = 1, now: Double = 0) {
        entries = tasks.map { Entry(task: $0) }
        self.lookahead = max(1, lookahead)
        self.minimumGain = minimumGain
        self.now = now
    }

    package var isFinished: Bool { nextCommit == entries.count }
    package var count: Int { entries.count }
    package var totalCost: Double { entries.reduce(0) { $0 + $1.task.cost } }
    /// Steps of progress inside a task: batches, or generation steps.
    package func batchCount(of task: Int) -> Int { entries[task].task.body.progressSteps }
    package var costDone: Double { entries.reduce(0) { $1.isDone ? $0 + $1.task.cost : $0 } }
    package var doneCount: Int { entries.count { $0.isDone } }
    package func name(of task: Int) -> String {
        entries[task].task.name.isEmpty ? "task \(task)" : entries[task].task.name
    }
    package func body(of task: Int) -> TaskBody { entries[task].task.body }
    package func cost(of task: Int) -> Double { entries[task].task.cost }
    package func running(on pipeline: UInt64) -> [Int] { pipelines[pipeline]?.running.sorted() ?? [] }
    /// A sequence that is under way, or whose last task this was, keeps its state there.
    package func holdsSequence(_ pipeline: UInt64) -> Bool { sequences.values.contains(pipeline) }
    /// Tasks that run twice, and where.
    package var speculations: [(task: Int, late: [UInt64], by: UInt64)] {
        Set(pipelines.values.flatMap(\.running)).sorted().compactMap { task in
            let attempts = entries[task].attempts
            guard let copy = attempts.first(where: { $0.value.isCopy })?.key else { return nil }
            return (task, attempts.keys.filter { $0 != copy }.sorted(), copy)
        }
    }
    /// Tasks that nobody works on yet.
    package var waitingCount: Int {
        // Those past the limit have never been granted.
        entries[min(firstWaiting, limit)..<limit].count { $0.isWaiting } + entries.count - limit
    }
    /// More is not handed out before the caller has taken results.
    var limit: Int { min(entries.count, acknowledged + max(lookahead, 2 * pipelines.count)) }

    /// Whether this stage's result is still to come from there.
    package func wants(_ task: Int, stage: Int, from pipeline: UInt64) -> Bool {
        guard entries.indices.contains(task), let attempt = entries[task].attempts[pipeline] else { return false }
        return attempt.results[stage] == nil
    }

    // MARK: Pipelines

    package mutating func pipelineReady(_ id: UInt64, stageCount: Int, hosts: Set<String> = []) -> [Directive] {
        if pipelines[id] == nil { pipelines[id] = Pipeline(stageCount: stageCount) }
        pipelines[id]!.hosts = hosts
        return grants()
    }

    /// A pipeline that is at these tasks already; nothing is granted yet.
    package mutating func resume(_ id: UInt64, stageCount: Int, running: [Int]) {
        pipelines[id] = Pipeline(stageCount: stageCount)
        for task in running { begin(task, on: id) }
    }

    /// Nobody works on it, and it may run anywhere.
    package func isWaiting(_ task: Int) -> Bool { entries[task].isWaiting && entries[task].task.sequence == nil }

    /// The first task of this content that nobody works on.
    package func waiting(content: String, except taken: [Int]) -> Int? {
        guard !content.isEmpty else { return nil }
        return entries.indices.first {
            entries[$0].isWaiting && entries[$0].task.content == content && entries[$0].task.sequence == nil
                && !taken.contains($0)
        }
    }

    /// - Parameters:
    ///   - crash: who died in it, if anybody did. That counts against all tasks it had; which of them it died of shows
    ///     when each runs alone.
    ///   - workers: names of those who are still there.
    package mutating func pipelineLost(
        _ id: UInt64, crash: Crash?, cause: InterruptionCause, workers: Set<String> = []
    ) -> [Directive] {
        guard let lost = pipelines.removeValue(forKey: id) else { return grants() }
        var directives: [Directive] = []
        for task in lost.running { directives += reset(task, on: id) }
        for (sequence, owner) in sequences where owner == id {
            sequences[sequence] = nil
            let members = entries.indices.filter { entries[$0].task.sequence == sequence }
            if !members.allSatisfy({ entries[$0].isDone }) {
                for task in members {
                    directives += reset(task, on: id)
                    entries[task].isDone = false
                }
            }
        }
        firstWaiting = 0
        if let crash {
            for task in lost.running { entries[task].deaths.add(crash) }
            if let task = lost.running.sorted().first(where: { entries[$0].deaths.isPoison(workers) }) {
                return directives + [.fail(entries[task].deaths.failure(of: name(of: task), cause))]
            }
        }
        return directives + grants()
    }

    /// A host is set aside: deaths there are no task's fault.
    package mutating func exonerate(host: String) {
        for task in entries.indices { entries[task].deaths.exonerate(host: host) }
    }

    /// A worker that was taken for dead is alive.
    package mutating func exonerate(instance: String) {
        for task in entries.indices { entries[task].deaths.exonerate(instance: instance) }
    }

    /// A pipeline is to finish what it has, and to take nothing new.
    /// - Parameter forGood: what it has not begun waits again. A worker begins a task once: there is no way back.
    package mutating func close(_ id: UInt64, forGood: Bool) -> [Directive] {
        guard let pipeline = pipelines[id] else { return [] }
        pipelines[id]!.isClosed = true
        guard forGood, !pipeline.isClosedForGood else { return [] }
        pipelines[id]!.isClosedForGood = true
        var directives: [Directive] = []
        for task in pipeline.running.sorted().dropFirst() where !hasBegun(task, on: id) {
            directives.append(.abort(pipeline: id, task: task))
            directives += reset(task, on: id)
        }
        firstWaiting = 0
        return directives + grants()
    }

    /// It may take new tasks again.
    package mutating func reopen(_ id: UInt64) -> [Directive] {
        guard let pipeline = pipelines[id], pipeline.isClosed, !pipeline.isClosedForGood else { return [] }
        pipelines[id]!.isClosed = false
        return grants()
    }

    /// The run is to stop: what has begun may finish, nothing else begins.
    package mutating func stop() -> [Directive] {
        isStopping = true
        return pipelines.keys.sorted().flatMap { close($0, forGood: true) }
    }

    // MARK: Results

    /// One stage's result is safe.
    package mutating func result(_ result: StageResult, task: Int, pipeline: UInt64) -> [Directive] {
        guard entries.indices.contains(task), let attempt = entries[task].attempts[pipeline],
            let owner = pipelines[pipeline]
        else {
            guard entries.indices.contains(task), contradicts(task, result) else { return [.discard(result)] }
            return [.discard(result), alarm(task, result)]
        }
        if let earlier = attempt.results[result.stage] {
            return earlier.digest == result.digest ? [] : [alarm(task, result)]
        }
        entries[task].attempts[pipeline]!.results[result.stage] = result
        guard entries[task].attempts[pipeline]!.results.count == owner.stageCount else { return [] }
        return finish(task, on: pipeline)
    }

    /// A result is on offer that nobody waits for any more: its digest still has to be the right one.
    package func late(_ task: Int, stage: Int, layers: Range<Int>, digest: String) -> [Directive] {
        let result = StageResult(stage: stage, layers: layers, digest: digest, bundle: .file(""), worker: "")
        return contradicts(task, result) ? [alarm(task, result)] : []
    }

    private mutating func finish(_ task: Int, on winner: UInt64) -> [Directive] {
        let results = entries[task].attempts[winner]!.results.values.sorted { $0.stage < $1.stage }
        if let wrong = results.first(where: { contradicts(task, $0) }) { return [alarm(task, wrong)] }
        let isRepeated = task < nextCommit
        if entries[task].task.sequence != nil || entries[task].attempts.count > 1 {
            settled.keep(results, of: task)
        }
        var directives: [Directive] = []
        pipelines[winner]!.running.remove(task)
        pipelines[winner]!.pace.finished(entries[task].task.cost, at: now)
        entries[task].attempts[winner] = nil
        for (loser, attempt) in entries[task].attempts.sorted(by: { $0.key < $1.key }) {
            if let wrong = attempt.results.values.first(where: { contradicts(task, $0) }) {
                return [alarm(task, wrong)]
            }
            let done = doneAtMost(task, on: loser)
            pipelines[loser]?.pace.finished(done, at: now)
            directives.append(.abort(pipeline: loser, task: task))
            directives += reset(task, on: loser)
        }
        entries[task].isDone = true
        if isRepeated {
            directives += results.map { .discard($0) }
        } else {
            entries[task].results = results
            directives.append(.record(task: task, results))
        }
        while nextCommit < entries.count, entries[nextCommit].isDone {
            directives.append(.commit(task: nextCommit, entries[nextCommit].results))
            entries[nextCommit].results = []
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

    /// The same share of the same task came before, with other bytes.
    package func contradicts(_ task: Int, _ result: StageResult) -> Bool {
        settled.contradict(result, of: task)
    }

    private func alarm(_ task: Int, _ result: StageResult) -> Directive {
        .fail(.notDeterministic(task: task, stage: result.stage, digest: result.digest))
    }

    /// Ends an attempt; what it has brought so far is of no use.
    private mutating func reset(_ task: Int, on id: UInt64) -> [Directive] {
        let unused = (entries[task].attempts.removeValue(forKey: id)?.results.values).map(Array.init) ?? []
        pipelines[id]?.running.remove(task)
        defer { entries[task].results = [] }
        return (unused + entries[task].results).map { .discard($0) }
    }
}
