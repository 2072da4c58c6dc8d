package import Protocol
import Tensors

/// The whole fleet as a state machine: events in, directives out, no I/O and no clock of its own.
package struct FleetCore: Sendable {
    package enum Directive: Sendable {
        case send(worker: Int, ToWorker)
        /// Last words to a worker that is no member any more.
        case dismiss(Member, ToWorker)
        case sendTask(worker: Int, TaskKey, TaskBody)
        /// The current edit, as far as it concerns these layers.
        case offerEdit(worker: Int, epoch: UInt64, layers: Range<Int>)
        case fetch(worker: Int, TaskKey, index: Int, stage: Int, layers: Range<Int>, digest: String, byteCount: Int)
        /// Transfers of this epoch are of no use any more.
        case dropTransfers(epoch: UInt64)
        /// Nor is this one.
        case dropTransfer(TaskKey)
        case discard(StageResult)
        /// A worker is back in a new session: what it was asked for has to be asked again.
        case returned(worker: Int)
        /// A worker that was declared lost: where it is ours, its process is ended for good.
        case ended(Member)
        /// - isNoted: a note tells the same.
        case log(String, isNoted: Bool = false)
        /// For the run's journal.
        case note(kind: String, task: String, worker: String, text: String)
        case event(FleetEvent)
    }

    package struct Seat: Sendable {
        package var worker: Int
        package var layers: Range<Int>
        var loaded = false
        var edited = false
        /// Seconds its worker had computed when the pipeline was ready.
        var computedBefore = 0.0
        /// Batches it had done then.
        var batchesBefore = 0
    }

    package struct Pipeline: Sendable {
        package var seats: [Seat]
        var announced = false
        /// Of an earlier life, and its tasks are not yet looked at.
        var isAdopted = false
        /// It has not been asked yet whether it holds the right weights.
        var isDeferred = false
        var isReady: Bool { seats.allSatisfy { $0.loaded && $0.edited } }
    }

    let settings: FleetSettings
    var membership = Membership()
    package internal(set) var pipelines: [UInt64: Pipeline] = [:]
    var scheduler: Scheduler?
    private(set) var model: ModelPlan?
    private var editID: UInt64 = 0
    private var epoch: UInt64 = 0
    /// Task numbers of this life begin above those of all before.
    private var taskBase: UInt64
    /// Tasks that go on under the numbers of an earlier life.
    private var aliases: [TaskKey: Int] = [:]
    /// Tasks whose results are safe but not yet recorded; their workers keep them until they are.
    private var unrecorded: [Int: (key: TaskKey, workers: [Int])] = [:]
    private(set) var awaitingReady = false
    /// Fine-tuned weights are in the workers' memory only.
    private(set) var holdsTraining = false
    private var isTraining = false
    /// Why they are gone, until the next run hears of it.
    private var trainingLoss: String?
    /// What was done, for those who look on.
    var tally = FleetTally()
    var level: String?
    /// The version of our own kernels that most of the first workers run: it cannot be lowered, so others are refused.
    var simd: Int?
    private var lastCause = "none ever joined"
    /// Seconds of the latest event that had a clock.
    private(set) var now = 0.0
    /// Workers that are to leave, and what is held against machines.
    var leaves: [Int: Leave] = [:]
    var hosts = HostRecords()
    /// How fast a thread of a worker is beside its neighbours' fastest, where that mattered.
    var speeds: [Int: Double] = [:]
    /// The run is to end by then; it has.
    var stopDeadline: Double?
    var hasStopped = false
    private var idle = IdleWatch()
    private var lastTick: Double?
    /// Since when there has been nobody to work, where somebody may still come.
    private var deserted: Double?

    package init(settings: FleetSettings) {
        self.settings = settings
        epoch = settings.firstEpoch
        taskBase = settings.firstEpoch
        // Higher than in any earlier life of this run: workers that outlived it obey newer edits only.
        editID = settings.firstEpoch
    }

    // MARK: The driver's wishes

    package mutating func use(_ model: ModelPlan) -> [Directive] {
        guard stopDeadline == nil else { return [.event(.stopped)] }
        self.model = model
        holdsTraining = false
        trainingLoss = nil
        pipelines = [:]
        editID += 1
        awaitingReady = true
        if membership.members.isEmpty, mayReturn { return [] }
        let adopted = adopt()
        guard pipelines.isEmpty else { return adopted + reform() + advance() }
        let free = available(membership.members.keys)
        // Who asked for as many pipelines as there were workers gets fewer when some of these are gone.
        let someAreGone = tally.counts.joined > membership.members.count
        return form(free, pipelines: wantedPipelines.map { someAreGone ? min($0, free.count) : $0 }) + advance()
    }

    /// The edit became what fine-tuning has made of the weights: those that hold these need nothing, all others get it.
    mutating func rebase() -> [Directive] {
        guard holdsTraining, !pipelines.isEmpty else { return newEdit() }
        holdsTraining = false
        return [.event(.ready)]
    }

    package mutating func newEdit() -> [Directive] {
        guard stopDeadline == nil else { return [.event(.stopped)] }
        guard !pipelines.isEmpty || mayReturn else { return fail("no worker is left (\(lastCause))") }
        editID += 1
        holdsTraining = false
        trainingLoss = nil
        awaitingReady = true
        var directives: [Directive] = []
        for (epoch, pipeline) in pipelines.sorted(by: { $0.key < $1.key }) {
            pipelines[epoch]!.isDeferred = false
            for index in pipeline.seats.indices {
                pipelines[epoch]!.seats[index].edited = false
                if pipeline.seats[index].loaded { directives.append(offer(epoch, index)) }
            }
        }
        return directives + advance()
    }

    package mutating func run(_ tasks: [FleetTask]) -> [Directive] {
        guard stopDeadline == nil else { return [.event(.stopped)] }
        guard !pipelines.isEmpty || mayReturn else { return fail("no worker is left (\(lastCause))") }
        let trains = tasks.contains { if case .train = $0.body { true } else { false } }
        if trains { (holdsTraining, trainingLoss) = (false, nil) }
        isTraining = trains
        if let cause = trainingLoss {
            trainingLoss = nil
            return [.event(.trainingLost(cause))]
        }
        let scheduler = Scheduler(tasks: tasks, minimumGain: settings.minimumGain, now: now)
        hosts.newRun()
        var directives: [Scheduler.Directive] = []
        self.scheduler = scheduler
        let ready = pipelines.filter(\.value.isReady).keys.sorted()
        var takenOver = offerDeferred() + dropSpareWork()
        for epoch in ready { takenOver += takeOver(epoch) }
        for epoch in ready {
            directives += self.scheduler!.pipelineReady(
                epoch, stageCount: pipelines[epoch]!.seats.count, hosts: hostNames(of: pipelines[epoch]!))
        }
        directives += self.scheduler!.start()
        return takenOver + carryOut(directives)
    }

    /// A task's results are on record: its workers may forget them.
    package mutating func onRecord(_ task: Int) -> [Directive] {
        guard let (key, workers) = unrecorded.removeValue(forKey: task) else { return [] }
        return workers.map { .send(worker: $0, .committed(key)) }
    }

    package mutating func acknowledge(_ task: Int) -> [Directive] {
        carryOut(scheduler?.acknowledge(through: task) ?? [])
    }

    /// The run is over (done or failed): what still runs is called off.
    package mutating func endRun(holdsTraining: Bool) -> [Directive] {
        if holdsTraining { self.holdsTraining = trainingLoss == nil }
        guard let scheduler else { return [] }
        var directives: [Directive] = []
        for (epoch, pipeline) in pipelines {
            for task in scheduler.running(on: epoch) {
                for seat in pipeline.seats {
                    directives.append(.send(worker: seat.worker, .abort(key(epoch, task))))
                }
            }
            if !scheduler.running(on: epoch).isEmpty { directives.append(.dropTransfers(epoch: epoch)) }
        }
        self.scheduler = nil
        for task in unrecorded.keys.sorted() { directives += onRecord(task) }
        aliases = [:]
        // Task numbers are never used twice: what was called off cannot be taken for what comes.
        taskBase += UInt64(scheduler.count)
        return directives
    }

    /// Workers that come by themselves may come again.
    private var mayReturn: Bool { settings.localWorkers == nil }

    // MARK: What workers say

    package mutating func hello(_ session: [UInt8], _ capabilities: Capabilities, now: Double) -> [Directive] {
        if let known = membership.id(of: session) {
            membership.heard(known, now: now)
            return [.send(worker: known, .welcome(worker: membership[known]!.name, run: settings.run))]
        }
        tell(now)
        if let refusal = refusal(session, capabilities, now: now) { return [refusal] }
        if let resumed = resume(session, capabilities, now: now) { return resumed }
        var directives: [Directive] = []
        let same = capabilities.instance.flatMap { membership.id(instance: $0) }.flatMap {
            membership[$0]!.capabilities.publicKey == capabilities.publicKey ? $0 : nil
        }
        if let old = same ?? (capabilities.name.isEmpty ? nil : membership.id(named: capabilities.name)) {
            directives += lose(old, "came back as a new session", crashed: false, end: false)
        }
        let member = membership.join(session, capabilities, now: now)
        deserted = nil
        directives.append(.send(worker: member.id, .welcome(worker: member.name, run: settings.run)))
        directives.append(
            .log(
                "\(member.name) joined from \(capabilities.host) (pid \(capabilities.pid), \(capabilities.threads) threads, \(capabilities.kernelLevel))",
                isNoted: true))
        tally.joined(member.id, now: now)
        directives.append(
            .note(kind: "joined", task: "", worker: member.name, text: "\(capabilities.host) (pid \(capabilities.pid))")
        )
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
            guard let seat = seat(of: id, epoch), !pipelines[epoch]!.seats[seat].loaded else { return [] }
            pipelines[epoch]!.seats[seat].loaded = true
            return [offer(epoch, seat)]
        case .edited(let epoch, let edit):
            guard let seat = seat(of: id, epoch), edit == editID else { return [] }
            pipelines[epoch]!.seats[seat].edited = true
            return advance()
        case .assignmentFailed(let epoch, let error):
            guard seat(of: id, epoch) != nil, let member = membership[id] else { return [] }
            // Where there are other machines, this one alone is left out: it may lack the model.
            let directives = setAside(member.capabilities.host, because: "\(member.name): \(error)")
            return directives.isEmpty ? fail("\(member.name): \(error)") : directives
        case .unfit(let epoch, let reason):
            guard seat(of: id, epoch) != nil else { return [] }
            return [.dismiss(membership[id]!, .refuse(reason: reason))]
                + lose(id, "was refused: \(reason)", crashed: false, end: false)
        case .taskFailed(let key, let error):
            if isStillToBeJudged(key, of: id) {
                membership.changeHolding(key, of: id, to: nil)
                return []
            }
            guard let seat = seat(of: id, key.epoch), let index = index(of: key) else { return [] }
            let layers = pipelines[key.epoch]!.seats[seat].layers
            return fail(
                "\(membership[id]!.name), layers \(layers.lowerBound) to \(layers.upperBound - 1), task \(index): \(error)"
            )
        case .offer(let key, let digest, let byteCount):
            if isStillToBeJudged(key, of: id) {
                membership.changeHolding(key, of: id, to: (digest: digest, byteCount: byteCount))
                return []
            }
            guard let seat = seat(of: id, key.epoch), let index = index(of: key) else {
                return isUnrecorded(key) ? [] : [.send(worker: id, .committed(key))]
            }
            let layers = pipelines[key.epoch]!.seats[seat].layers
            guard scheduler?.running(on: key.epoch).contains(index) == true else {
                guard !isUnrecorded(key) else { return [] }
                return [.send(worker: id, .committed(key))]
                    + schedule { $0.late(index, stage: seat, layers: layers, digest: digest) }
            }
            // Offered again by a worker that cannot know that it has arrived.
            guard scheduler?.wants(index, stage: seat, from: key.epoch) == true else { return [] }
            tally.finished(id, task: key.task, batches: knownBatchCount(of: index), now: now)
            return [
                .fetch(
                    worker: id, key, index: index, stage: seat, layers: layers, digest: digest, byteCount: byteCount)
            ]
        case .leaving(let reason, let grace):
            return leave(id, reason, within: grace ?? 0, now: now)
        }
    }

    /// A result is on disk or in memory, its digest checked.
    package mutating func fetched(_ key: TaskKey, index: Int, _ result: StageResult, worker: Int) -> [Directive] {
        guard self.index(of: key) == index, pipelines[key.epoch] != nil else { return [.discard(result)] }
        idle.finished()
        if let host = membership[worker]?.capabilities.host { hosts.succeeded(on: host) }
        let workers = pipelines[key.epoch]!.seats.map(\.worker)
        let results = scheduler!.result(result, task: index, pipeline: key.epoch)
        // The workers keep theirs until the whole task is on record.
        if results.contains(where: { if case .record(index, _) = $0 { true } else { false } }) {
            unrecorded[index] = (key, workers)
        }
        let directives = carryOut(results)
        let isKept = isUnrecorded(key) || scheduler?.running(on: key.epoch).contains(index) == true
        return isKept ? directives : directives + workers.map { .send(worker: $0, .committed(key)) }
    }

    // MARK: Losing workers

    /// To be called several times a second.
    /// - Parameter diskIsSlow: results wait for the coordinator's disk, not for workers.
    package mutating func tick(now: Double, diskIsSlow: Bool = false) -> [Directive] {
        tell(now)
        let gap = now - (lastTick ?? now)
        lastTick = now
        // This program stood still: it is not the workers who were silent.
        let slept = gap > 5
        if slept { membership.excuse(gap) }
        var directives = membership.overdue(now: now, lease: settings.lease, stall: settings.stall)
            .flatMap { lose($0.id, $0.cause, crashed: $0.crashed) }
        for epoch in idle.overdue(
            activity, now: now, limit: settings.idle ?? settings.lease * 1.5, isWaiting: diskIsSlow || slept)
        {
            let cause = "pipeline \(epoch & 0xFFFF_FFFF) had work and did nothing"
            directives.append(.log("\(cause): its workers start again"))
            directives += dissolve(epoch, without: nil, cause: cause, crashed: false)
        }
        directives += schedule { $0.speculate() } + rebalance()
        directives += releaseLeavers(now: now) + concludeStop(now: now)
        return directives + watchDesertion(now)
    }

    /// The last sign of life of every pipeline that has work.
    private var activity: [UInt64: Double] {
        pipelines.filter { !$0.value.isReady || scheduler?.running(on: $0.key).isEmpty == false }
            .mapValues { $0.seats.compactMap { membership[$0.worker]?.lastActive }.max() ?? 0 }
    }

    /// Nobody is there, and there is work: a while is given to those who may come (back).
    private mutating func watchDesertion(_ now: Double) -> [Directive] {
        guard mayReturn, model != nil, pipelines.isEmpty, membership.members.isEmpty, scheduler != nil || awaitingReady
        else {
            deserted = nil
            return []
        }
        guard let since = deserted else {
            deserted = now
            return [
                .log("no worker is left (\(lastCause)); waiting up to \(Int(settings.comeback)) s for one to join")
            ]
        }
        return now - since > settings.comeback ? fail("no worker is left (\(lastCause))") : []
    }

    package mutating func lose(_ id: Int, _ cause: String, crashed: Bool, end: Bool = true) -> [Directive] {
        guard let member = membership.remove(id) else { return [] }
        lastCause = "\(member.name) \(cause)"
        let host = member.capabilities.host
        let epoch = pipelines.first(where: { $0.value.seats.contains { $0.worker == id } })?.key
        let interrupted = epoch.flatMap { scheduler?.running(on: $0) } ?? []
        let isOrderly = leaves.removeValue(forKey: id) != nil && interrupted.isEmpty
        let words = isOrderly ? "\(member.name) on \(host) left: \(cause)" : "lost \(member.name) on \(host): \(cause)"
        var directives: [Directive] = [
            .log(words, isNoted: true), .event(.membership),
            .note(kind: isOrderly ? "left" : "lost", task: "", worker: member.name, text: "\(host): \(cause)"),
        ]
        if end { directives.append(.ended(member)) }
        tally.lost(id, cause, crashed: crashed, interrupted: interrupted.count)
        guard let epoch else { return directives }
        if crashed { directives += blame(member, in: epoch, cause) }
        return directives
            + dissolve(epoch, without: member, cause: cause, crashed: crashed && hosts.setAside[host] == nil)
    }

    /// Ends a pipeline: its tasks wait again, those of its workers that are left form new ones.
    mutating func dissolve(_ epoch: UInt64, without lost: Member?, cause: String, crashed: Bool) -> [Directive] {
        guard let pipeline = pipelines.removeValue(forKey: epoch) else { return [] }
        if lost == nil { lastCause = cause }
        var directives: [Directive] = []
        for task in scheduler?.running(on: epoch) ?? [] {
            directives.append(
                .note(kind: "interrupted", task: scheduler!.name(of: task), worker: lost?.name ?? "", text: cause))
            for seat in pipeline.seats where seat.worker != lost?.id {
                directives.append(.send(worker: seat.worker, .abort(key(epoch, task))))
            }
        }
        directives.append(.dropTransfers(epoch: epoch))
        if holdsTraining {
            holdsTraining = false
            if scheduler?.isFinished ?? true {
                trainingLoss = lastCause
            } else {
                directives.append(.event(.trainingLost(lastCause)))
            }
            return directives + endRun(holdsTraining: false) + reform() + advance()
        }
        // Lost after the last step, before the driver heard that it was the last.
        if isTraining, scheduler?.isFinished == true { trainingLoss = lastCause }
        let crash = lost.flatMap { crashed ? Scheduler.Crash(worker: $0.name, host: $0.capabilities.host) : nil }
        let (names, words) = (Set(membership.members.values.map(\.name)), lastCause)
        directives += schedule { $0.pipelineLost(epoch, crash: crash, cause: words, workers: names) }
        return directives + reform() + advance()
    }

    /// Makes pipelines of workers that have no seat.
    private mutating func reform() -> [Directive] {
        guard let model, stopDeadline == nil else { return [] }
        let adopted = adopt()
        return adopted + (scheduler == nil ? [] : offerDeferred()) + fill(model)
    }

    private mutating func fill(_ model: ModelPlan) -> [Directive] {
        let seated = Set(pipelines.values.flatMap { $0.seats.map(\.worker) })
        let free = available(membership.members.keys.filter { !seated.contains($0) })
        guard !pipelines.isEmpty else {
            guard !free.isEmpty else { return mayReturn ? [] : fail("no worker is left (\(lastCause))") }
            return form(free, pipelines: wantedPipelines.map { min($0, free.count) })
        }
        let most = wantedPipelines ?? model.maxPipelines ?? .max
        guard !free.isEmpty, pipelines.count < most else { return [] }
        var limited = model
        limited.maxPipelines = most - pipelines.count
        guard let plan = try? Plan.make(workers: free.map(planWorker), model: limited, pipelines: nil), plan.fits else {
            return []
        }
        return seat(plan)
    }

    /// Fine-tuning takes one, whatever the user asked for: a second one would hold other weights.
    var wantedPipelines: Int? { model?.preferOnePipeline == true ? 1 : settings.pipelines }

    private mutating func form(_ ids: [Int], pipelines count: Int?) -> [Directive] {
        guard let model else { return [] }
        do throws(FleetError) {
            let plan = try Plan.make(workers: ids.map(planWorker), model: model, pipelines: count)
            return seat(plan)
        } catch { return fail(error.description) }
    }

    func planWorker(_ id: Int) -> Plan.Worker {
        let capabilities = membership[id]!.capabilities
        return Plan.Worker(
            id: id, threads: capabilities.threads, memoryBytes: capabilities.memoryBytes, measured: speed(of: id))
    }

    private mutating func seat(_ plan: Plan) -> [Directive] {
        var directives: [Directive] = []
        for stages in plan.pipelines {
            epoch += 1
            pipelines[epoch] = Pipeline(seats: stages.map { Seat(worker: $0.worker, layers: $0.layers) })
            for (index, stage) in stages.enumerated() {
                membership.forgetHoldings(of: stage.worker)
                let next =
                    index + 1 < stages.count ? membership[stages[index + 1].worker]!.capabilities.dataEndpoint : nil
                var assignment = Assignment(
                    epoch: epoch, model: model!.path, modelDigest: model!.digest, layers: stage.layers,
                    stageIndex: index, stageCount: stages.count,
                    threads: membership[stage.worker]!.capabilities.threads, next: next,
                    window: settings.window ?? stages.count + 1)
                if index + 1 < stages.count {
                    assignment.nextKey = membership[stages[index + 1].worker]!.capabilities.publicKey
                }
                assignment.plan = planDigest
                if index > 0 { assignment.previousKey = membership[stages[index - 1].worker]!.capabilities.publicKey }
                directives.append(.send(worker: stage.worker, .assign(assignment)))
                directives.append(
                    .log(
                        "pipeline \(epoch & 0xFFFF_FFFF): \(membership[stage.worker]!.name) takes layers \(stage.layers.lowerBound) to \(stage.layers.upperBound - 1)"
                    ))
            }
        }
        return directives
    }

    // MARK: Small things

    mutating func advance() -> [Directive] {
        var directives: [Directive] = []
        for (epoch, pipeline) in pipelines.sorted(by: { $0.key < $1.key }) where pipeline.isReady && !pipeline.announced
        {
            pipelines[epoch]!.announced = true
            for (index, seat) in pipeline.seats.enumerated() {
                pipelines[epoch]!.seats[index].computedBefore = membership[seat.worker]?.beat.computed ?? 0
                pipelines[epoch]!.seats[index].batchesBefore = tally.batches(of: seat.worker)
            }
            if scheduler != nil { directives += takeOver(epoch) }
            let hosts = hostNames(of: pipeline)
            directives += schedule { $0.pipelineReady(epoch, stageCount: pipeline.seats.count, hosts: hosts) }
        }
        if awaitingReady, !pipelines.isEmpty, pipelines.values.allSatisfy({ $0.isReady || $0.isDeferred }) {
            awaitingReady = false
            directives.append(.event(.ready))
        }
        return directives
    }

    private mutating func fail(_ reason: String) -> [Directive] {
        awaitingReady = false
        return endRun(holdsTraining: false) + [.event(.failed(reason))]
    }

    /// Asks the scheduler, where there is one, and does what it says.
    mutating func schedule(_ body: (inout Scheduler) -> [Scheduler.Directive]) -> [Directive] {
        guard scheduler != nil else { return [] }
        let directives = body(&scheduler!)
        return carryOut(directives)
    }

    private mutating func tell(_ now: Double) {
        self.now = now
        scheduler?.now = now
    }

    private mutating func carryOut(_ directives: [Scheduler.Directive]) -> [Directive] {
        var result: [Directive] = []
        for directive in directives {
            switch directive {
            case .grant(let epoch, let task):
                tally.granted()
                result.append(
                    .note(
                        kind: "granted", task: scheduler!.name(of: task), worker: workerNames(epoch),
                        text: "pipeline \(epoch & 0xFFFF_FFFF)"))
                result += send(task, to: epoch)
            case .copy(let task, let epoch, let late):
                tally.granted()
                let words = "\(workerNames(late)) \(pipelines[late]?.seats.count == 1 ? "is" : "are") late with it"
                result += [
                    .log("\(scheduler!.name(of: task)) runs a second time on \(workerNames(epoch)): \(words)"),
                    .note(
                        kind: "copied", task: scheduler!.name(of: task), worker: workerNames(epoch), text: words),
                ]
                result += send(task, to: epoch)
            case .abort(let epoch, let task):
                let key = self.key(epoch, task)
                result += (pipelines[epoch]?.seats ?? []).map { .send(worker: $0.worker, .abort(key)) }
                result.append(.dropTransfer(key))
            case .record(let task, let results): result.append(.event(.recorded(task, results)))
            case .commit(let task, let results):
                tally.committed()
                result.append(.event(.committed(task, results)))
            case .discard(let stale): result.append(.discard(stale))
            case .finished: result.append(.event(.finished))
            case .fail(let reason): return result + fail(reason)
            }
        }
        return result
    }

    private func send(_ task: Int, to epoch: UInt64) -> [Directive] {
        (pipelines[epoch]?.seats ?? []).map {
            .sendTask(worker: $0.worker, key(epoch, task), scheduler!.body(of: task))
        }
    }

    func workerNames(_ epoch: UInt64) -> String {
        (pipelines[epoch]?.seats ?? []).compactMap { membership[$0.worker]?.name }.joined(separator: ", ")
    }
    private func hostNames(of pipeline: Pipeline) -> Set<String> {
        Set(pipeline.seats.compactMap { membership[$0.worker]?.capabilities.host })
    }

    /// What workers call a task.
    func key(_ epoch: UInt64, _ task: Int) -> TaskKey {
        aliases.first { $0.value == task && $0.key.epoch == epoch }?.key
            ?? TaskKey(epoch: epoch, task: taskBase + UInt64(task))
    }
    mutating func alias(_ key: TaskKey, _ task: Int) { aliases[key] = task }
    func isUnrecorded(_ key: TaskKey) -> Bool { unrecorded.values.contains { $0.key == key } }
    func index(of key: TaskKey) -> Int? {
        if let index = aliases[key] { return index }
        guard let scheduler, key.task >= taskBase, key.task - taskBase < UInt64(scheduler.count) else { return nil }
        return Int(key.task - taskBase)
    }
    private func seat(of worker: Int, _ epoch: UInt64) -> Int? {
        pipelines[epoch]?.seats.firstIndex { $0.worker == worker }
    }
    func offer(_ epoch: UInt64, _ seat: Int) -> Directive {
        let seat = pipelines[epoch]!.seats[seat]
        return .offerEdit(worker: seat.worker, epoch: epoch, layers: seat.layers)
    }

    package var currentEdit: UInt64 { editID }
    package func member(of session: [UInt8]) -> Int? { membership.id(of: session) }
    func isSeated(_ worker: Int, _ epoch: UInt64) -> Bool { seat(of: worker, epoch) != nil }

    package func progress(now: Double) -> FleetProgress {
        var progress = FleetProgress()
        if let scheduler {
            (progress.tasksDone, progress.tasks) = (scheduler.doneCount, scheduler.count)
            (progress.costDone, progress.cost) = (scheduler.costDone, scheduler.totalCost)
            for (epoch, pipeline) in pipelines {
                guard let beat = pipeline.seats.first.flatMap({ membership[$0.worker]?.beat }) else { continue }
                for task in scheduler.running(on: epoch) {
                    let batches = scheduler.batchCount(of: task)
                    guard batches > 0, let retired = beat.retired[key(epoch, task).task] else { continue }
                    progress.costDone += scheduler.cost(of: task) * min(1, Double(retired) / Double(batches))
                }
            }
        }
        let places = self.places
        for member in membership.members.values.sorted(by: { $0.id < $1.id }) {
            var state = "spare"
            var running: [String] = []
            if let place = places[member.id] {
                let seat = place.seat
                state = "layers \(seat.layers.lowerBound)-\(seat.layers.upperBound - 1) of pipeline \(place.number)"
                running = (scheduler?.running(on: place.epoch) ?? []).map { scheduler!.name(of: $0) }
                if !seat.loaded { state += " (loading)" }
            }
            progress.workers.append(
                FleetProgress.Worker(
                    name: member.name, host: member.capabilities.host, pid: member.capabilities.pid, state: state,
                    steps: member.beat.steps, running: running,
                    silent: max(0, now - member.lastHeard), busy: member.beat.busySeconds))
        }
        describe(&progress, now: now)
        progress.remarks = remarks
        return progress
    }
}

/// What the driver waits for.
package enum FleetEvent: Sendable {
    case membership
    case ready
    /// As was asked: what could finish in time has.
    case stopped
    /// As soon as a task is finished; `committed` follows in index order.
    case recorded(Int, [StageResult])
    case committed(Int, [StageResult])
    case finished
    case failed(String)
    /// A worker with fine-tuned weights died between training and their use.
    case trainingLost(String)
}
