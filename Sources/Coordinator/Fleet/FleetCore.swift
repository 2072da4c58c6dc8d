import Protocol
import Tensors

/// The whole fleet as a state machine: events in, directives out, no I/O and no clock of its own.
struct FleetCore: Sendable {
    enum Directive: Sendable {
        case send(worker: Int, ToWorker)
        /// Last words to a worker that is no member any more.
        case dismiss(Member, ToWorker)
        case sendTask(worker: Int, TaskKey, TaskBody)
        /// The current edit, as far as it concerns these layers.
        case offerEdit(worker: Int, epoch: UInt64, layers: Range<Int>)
        case fetch(worker: Int, TaskKey, index: Int, stage: Int, layers: Range<Int>, digest: String, byteCount: Int)
        /// Transfers of this epoch are of no use any more.
        case dropTransfers(epoch: UInt64)
        case discard(StageResult)
        /// A worker that was declared lost: where it is ours, its process is ended for good.
        case ended(Member)
        case log(String)
        /// For the run's journal.
        case note(kind: String, task: String, worker: String, text: String)
        case event(FleetEvent)
    }

    struct Seat: Sendable {
        var worker: Int
        var layers: Range<Int>
        var loaded = false
        var edited = false
    }

    struct Pipeline: Sendable {
        var seats: [Seat]
        var announced = false
        var isReady: Bool { seats.allSatisfy { $0.loaded && $0.edited } }
    }

    let settings: FleetSettings
    var membership = Membership()
    private(set) var pipelines: [UInt64: Pipeline] = [:]
    private(set) var scheduler: Scheduler?
    private var model: ModelPlan?
    private var editID: UInt64 = 0
    private var epoch: UInt64 = 0
    private var taskBase: UInt64 = 0
    private var awaitingReady = false
    /// Fine-tuned weights are in the workers' memory only.
    private var holdsTraining = false
    /// Why they are gone, until the next run hears of it.
    private var trainingLoss: String?
    var level: String?
    /// The version of our own kernels that most of the first workers run: it cannot be lowered, so others are refused.
    var simd: Int?
    private var lastCause = "none ever joined"

    init(settings: FleetSettings) {
        self.settings = settings
        epoch = settings.firstEpoch
    }

    // MARK: The driver's wishes

    mutating func use(_ model: ModelPlan) -> [Directive] {
        self.model = model
        holdsTraining = false
        trainingLoss = nil
        pipelines = [:]
        editID += 1
        awaitingReady = true
        return form(Array(membership.members.keys), pipelines: settings.pipelines) + advance()
    }

    mutating func newEdit() -> [Directive] {
        guard !pipelines.isEmpty else { return fail("no worker is left (\(lastCause))") }
        editID += 1
        holdsTraining = false
        trainingLoss = nil
        awaitingReady = true
        var directives: [Directive] = []
        for (epoch, pipeline) in pipelines.sorted(by: { $0.key < $1.key }) {
            for index in pipeline.seats.indices {
                pipelines[epoch]!.seats[index].edited = false
                if pipeline.seats[index].loaded { directives.append(offer(epoch, index)) }
            }
        }
        return directives + advance()
    }

    mutating func run(_ tasks: [FleetTask]) -> [Directive] {
        guard !pipelines.isEmpty else { return fail("no worker is left (\(lastCause))") }
        let trains = tasks.contains { if case .train = $0.body { true } else { false } }
        if trains { (holdsTraining, trainingLoss) = (false, nil) }
        if let cause = trainingLoss {
            trainingLoss = nil
            return [.event(.trainingLost(cause))]
        }
        var scheduler = Scheduler(tasks: tasks)
        var directives: [Scheduler.Directive] = []
        for (epoch, pipeline) in pipelines.sorted(by: { $0.key < $1.key }) where pipeline.isReady {
            directives += scheduler.pipelineReady(epoch, stageCount: pipeline.seats.count)
        }
        directives += scheduler.start()
        self.scheduler = scheduler
        return carryOut(directives)
    }

    mutating func acknowledge(_ task: Int) -> [Directive] { carryOut(scheduler?.acknowledge(through: task) ?? []) }

    /// The run is over (done or failed): what still runs is called off.
    mutating func endRun(holdsTraining: Bool) -> [Directive] {
        if holdsTraining { self.holdsTraining = true }
        guard let scheduler else { return [] }
        var directives: [Directive] = []
        for (epoch, pipeline) in pipelines {
            for task in scheduler.running(on: epoch) {
                for seat in pipeline.seats {
                    directives.append(.send(worker: seat.worker, .abort(TaskKey(epoch: epoch, task: wire(task)))))
                }
            }
            if !scheduler.running(on: epoch).isEmpty { directives.append(.dropTransfers(epoch: epoch)) }
        }
        self.scheduler = nil
        // Task numbers are never used twice: what was called off cannot be taken for what comes.
        taskBase += UInt64(scheduler.count)
        return directives
    }

    // MARK: What workers say

    mutating func hello(_ session: [UInt8], _ capabilities: Capabilities, now: Double) -> [Directive] {
        if let known = membership.id(of: session) {
            membership.heard(known, now: now)
            return [.send(worker: known, .welcome(worker: membership[known]!.name))]
        }
        var directives: [Directive] = []
        if !capabilities.name.isEmpty, let old = membership.id(named: capabilities.name) {
            directives += lose(old, "came back as a new session", crashed: false, end: false)
        }
        let member = membership.join(session, capabilities, now: now)
        directives.append(.send(worker: member.id, .welcome(worker: member.name)))
        directives.append(
            .log(
                "\(member.name) joined from \(capabilities.host) (pid \(capabilities.pid), \(capabilities.threads) threads, \(capabilities.kernelLevel))"
            ))
        directives.append(
            .note(kind: "joined", task: "", worker: member.name, text: "\(capabilities.host) (pid \(capabilities.pid))")
        )
        directives += agreeOnLevel()
        directives.append(.event(.membership))
        return directives + (model == nil ? [] : reform())
    }

    mutating func heard(_ message: ToCoordinator, from id: Int, now: Double) -> [Directive] {
        membership.heard(id, now: now)
        switch message {
        case .hello: return []
        case .beat(let beat):
            membership.beat(id, beat)
            return []
        case .assigned(let epoch):
            guard let seat = seat(of: id, epoch) else { return [] }
            pipelines[epoch]!.seats[seat].loaded = true
            return [offer(epoch, seat)]
        case .edited(let epoch, let edit):
            guard let seat = seat(of: id, epoch), edit == editID else { return [] }
            pipelines[epoch]!.seats[seat].edited = true
            return advance()
        case .assignmentFailed(let epoch, let error):
            guard seat(of: id, epoch) != nil else { return [] }
            return fail("\(membership[id]!.name): \(error)")
        case .unfit(let epoch, let reason):
            guard seat(of: id, epoch) != nil else { return [] }
            return [.dismiss(membership[id]!, .refuse(reason: reason))]
                + lose(id, "was refused: \(reason)", crashed: false, end: false)
        case .taskFailed(let key, let error):
            guard let seat = seat(of: id, key.epoch), let index = index(of: key) else { return [] }
            let layers = pipelines[key.epoch]!.seats[seat].layers
            return fail(
                "\(membership[id]!.name), layers \(layers.lowerBound) to \(layers.upperBound - 1), task \(index): \(error)"
            )
        case .offer(let key, let digest, let byteCount):
            guard let seat = seat(of: id, key.epoch), let index = index(of: key),
                scheduler?.running(on: key.epoch).contains(index) == true
            else { return [.send(worker: id, .committed(key))] }
            return [
                .fetch(
                    worker: id, key, index: index, stage: seat, layers: pipelines[key.epoch]!.seats[seat].layers,
                    digest: digest, byteCount: byteCount)
            ]
        case .leaving(let reason):
            return [.dismiss(membership[id]!, .goodbye(reason: "left"))] + lose(id, reason, crashed: false, end: false)
        }
    }

    /// A result is on disk or in memory, its digest checked.
    mutating func fetched(_ key: TaskKey, index: Int, _ result: StageResult, worker: Int) -> [Directive] {
        guard self.index(of: key) == index, pipelines[key.epoch] != nil else { return [.discard(result)] }
        let directives = scheduler!.result(result, task: index, pipeline: key.epoch)
        return [.send(worker: worker, .committed(key))] + carryOut(directives)
    }

    // MARK: Losing workers

    mutating func tick(now: Double) -> [Directive] {
        membership.overdue(now: now, lease: settings.lease, stall: settings.stall)
            .flatMap { lose($0.id, $0.cause, crashed: true) }
    }

    mutating func lose(_ id: Int, _ cause: String, crashed: Bool, end: Bool = true) -> [Directive] {
        guard let member = membership.remove(id) else { return [] }
        lastCause = "\(member.name) \(cause)"
        var directives: [Directive] = [
            .log("lost \(member.name) on \(member.capabilities.host): \(cause)"), .event(.membership),
            .note(kind: "lost", task: "", worker: member.name, text: "\(member.capabilities.host): \(cause)"),
        ]
        if end { directives.append(.ended(member)) }
        guard let (epoch, pipeline) = pipelines.first(where: { $0.value.seats.contains { $0.worker == id } }) else {
            return directives
        }
        for task in scheduler?.running(on: epoch) ?? [] {
            directives.append(
                .note(kind: "interrupted", task: scheduler!.name(of: task), worker: member.name, text: cause))
            for seat in pipeline.seats where seat.worker != id {
                directives.append(.send(worker: seat.worker, .abort(TaskKey(epoch: epoch, task: wire(task)))))
            }
        }
        pipelines[epoch] = nil
        directives.append(.dropTransfers(epoch: epoch))
        if holdsTraining {
            holdsTraining = false
            if scheduler == nil {
                trainingLoss = lastCause
            } else {
                directives.append(.event(.trainingLost(lastCause)))
            }
            return directives + endRun(holdsTraining: false) + reform() + advance()
        }
        if scheduler != nil {
            let followUp = scheduler!.pipelineLost(epoch, crashed: crashed, cause: lastCause)
            directives += carryOut(followUp)
        }
        return directives + reform() + advance()
    }

    /// Makes pipelines of workers that have no seat.
    private mutating func reform() -> [Directive] {
        guard let model else { return [] }
        let seated = Set(pipelines.values.flatMap { $0.seats.map(\.worker) })
        let free = membership.members.keys.filter { !seated.contains($0) }
        guard !pipelines.isEmpty else {
            guard !free.isEmpty else { return fail("no worker is left (\(lastCause))") }
            return form(free, pipelines: settings.pipelines.map { min($0, free.count) })
        }
        let most = settings.pipelines ?? (model.preferOnePipeline ? 1 : model.maxPipelines ?? .max)
        guard !free.isEmpty, pipelines.count < most, model.preferOnePipeline == false || settings.pipelines != nil
        else { return [] }
        var limited = model
        limited.maxPipelines = most - pipelines.count
        guard let plan = try? Plan.make(workers: free.map(planWorker), model: limited, pipelines: nil), plan.fits else {
            return []
        }
        return seat(plan)
    }

    private mutating func form(_ ids: [Int], pipelines count: Int?) -> [Directive] {
        guard let model else { return [] }
        do throws(FleetError) {
            let plan = try Plan.make(workers: ids.map(planWorker), model: model, pipelines: count)
            return seat(plan)
        } catch { return fail(error.description) }
    }

    private func planWorker(_ id: Int) -> Plan.Worker {
        let capabilities = membership[id]!.capabilities
        return Plan.Worker(id: id, threads: capabilities.threads, memoryBytes: capabilities.memoryBytes)
    }

    private mutating func seat(_ plan: Plan) -> [Directive] {
        var directives: [Directive] = []
        for stages in plan.pipelines {
            epoch += 1
            pipelines[epoch] = Pipeline(seats: stages.map { Seat(worker: $0.worker, layers: $0.layers) })
            for (index, stage) in stages.enumerated() {
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

    private mutating func advance() -> [Directive] {
        var directives: [Directive] = []
        for (epoch, pipeline) in pipelines.sorted(by: { $0.key < $1.key }) where pipeline.isReady && !pipeline.announced
        {
            pipelines[epoch]!.announced = true
            if scheduler != nil {
                let grants = scheduler!.pipelineReady(epoch, stageCount: pipeline.seats.count)
                directives += carryOut(grants)
            }
        }
        if awaitingReady, !pipelines.isEmpty, pipelines.values.allSatisfy(\.isReady) {
            awaitingReady = false
            directives.append(.event(.ready))
        }
        return directives
    }

    private mutating func fail(_ reason: String) -> [Directive] {
        awaitingReady = false
        return endRun(holdsTraining: false) + [.event(.failed(reason))]
    }

    private mutating func carryOut(_ directives: [Scheduler.Directive]) -> [Directive] {
        var result: [Directive] = []
        for directive in directives {
            switch directive {
            case .grant(let epoch, let task):
                let workers = (pipelines[epoch]?.seats ?? []).compactMap { membership[$0.worker]?.name }
                result.append(
                    .note(
                        kind: "granted", task: scheduler!.name(of: task), worker: workers.joined(separator: ", "),
                        text: "pipeline \(epoch & 0xFFFF_FFFF)"))
                for seat in pipelines[epoch]?.seats ?? [] {
                    result.append(
                        .sendTask(
                            worker: seat.worker, TaskKey(epoch: epoch, task: wire(task)), scheduler!.body(of: task)))
                }
            case .commit(let task, let results): result.append(.event(.committed(task, results)))
            case .discard(let stale): result.append(.discard(stale))
            case .finished: result.append(.event(.finished))
            case .fail(let reason): return result + fail(reason)
            }
        }
        return result
    }

    private func wire(_ task: Int) -> UInt64 { taskBase + UInt64(task) }
    private func index(of key: TaskKey) -> Int? {
        guard let scheduler, key.task >= taskBase, key.task - taskBase < UInt64(scheduler.count) else { return nil }
        return Int(key.task - taskBase)
    }
    private func seat(of worker: Int, _ epoch: UInt64) -> Int? {
        pipelines[epoch]?.seats.firstIndex { $0.worker == worker }
    }
    private func offer(_ epoch: UInt64, _ seat: Int) -> Directive {
        let seat = pipelines[epoch]!.seats[seat]
        return .offerEdit(worker: seat.worker, epoch: epoch, layers: seat.layers)
    }

    var currentEdit: UInt64 { editID }

    func progress(now: Double) -> FleetProgress {
        var progress = FleetProgress()
        if let scheduler {
            (progress.tasksDone, progress.tasks) = (scheduler.doneCount, scheduler.count)
            (progress.costDone, progress.cost) = (scheduler.costDone, scheduler.totalCost)
            for (epoch, pipeline) in pipelines {
                guard let beat = pipeline.seats.first.flatMap({ membership[$0.worker]?.beat }) else { continue }
                for task in scheduler.running(on: epoch) {
                    let batches = scheduler.batchCount(of: task)
                    guard batches > 0, let retired = beat.retired[wire(task)] else { continue }
                    progress.costDone += scheduler.cost(of: task) * min(1, Double(retired) / Double(batches))
                }
            }
        }
        for member in membership.members.values.sorted(by: { $0.id < $1.id }) {
            var state = "spare"
            var running: [String] = []
            for (number, pipeline) in pipelines.sorted(by: { $0.key < $1.key }).enumerated() {
                guard let seat = pipeline.value.seats.first(where: { $0.worker == member.id }) else { continue }
                state = "layers \(seat.layers.lowerBound)-\(seat.layers.upperBound - 1) of pipeline \(number + 1)"
                running = (scheduler?.running(on: pipeline.key) ?? []).map { scheduler!.name(of: $0) }
                if !seat.loaded { state += " (loading)" }
            }
            progress.workers.append(
                FleetProgress.Worker(
                    name: member.name, host: member.capabilities.host, pid: member.capabilities.pid, state: state,
                    steps: member.beat.steps, running: running,
                    silent: max(0, now - member.lastHeard), busy: member.beat.busySeconds))
        }
        return progress
    }
}

/// What the driver waits for.
enum FleetEvent: Sendable {
    case membership
    case ready
    case committed(Int, [StageResult])
    case finished
    case failed(String)
    /// A worker with fine-tuned weights died between training and their use.
    case trainingLost(String)
}
