package import Contracts
package import Protocol
import Tensors

/// The whole fleet as a state machine: events in, directives out, no I/O and no clock of its own.
package struct FleetCore: Sendable {
    package enum Directive: Sendable {
        case send(worker: Int, ToWorker)
        /// Last words to a worker that is no member any more.
        case dismiss(FleetWorker, ToWorker)
        /// Tells a worker, which is no member any more, why it has no part in this.
        case refuse(FleetWorker, Refusal)
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
        case ended(FleetWorker)
        /// For the log and the run's journal.
        case happened(FleetOccurrence)
        case event(FleetEvent)
    }

    package struct StagePlacement: Sendable {
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
        package var placements: [StagePlacement]
        var announced = false
        /// Taken over from before the coordinator was started anew; its tasks have not been matched with ours yet.
        var isResumed = false
        /// It has not been asked yet whether it holds the right weights.
        var isDeferred = false
        package var isReady: Bool { placements.allSatisfy { $0.loaded && $0.edited } }
    }

    let policy: FleetPolicy
    package var membership = Membership()
    package internal(set) var pipelines: [UInt64: Pipeline] = [:]
    var scheduler: Scheduler?
    var model: ModelPlan?
    var editID: UInt64 = 0
    var epoch: UInt64 = 0
    var names: TaskNames
    /// Tasks whose results are safe but not yet recorded; their workers keep them until they are.
    var unrecorded: [Int: (key: TaskKey, workers: [Int])] = [:]
    var awaitingReady = false
    var training = HeldTraining()
    /// What was done, for those who look on.
    var tally = FleetCounters()
    package internal(set) var kernels: KernelAgreement
    /// What last took a worker or a pipeline away.
    var lastCause: InterruptionCause?
    /// Seconds of the latest event that had a clock.
    var now = 0.0
    /// Workers that are to leave, and what is held against machines.
    var leaves: [Int: Leave] = [:]
    var hosts = HostRecords()
    /// Workers that sent no results of their tasks.
    var leftOut: [LeftOut] = []
    /// Processes that were taken for dead.
    var blamed: Set<String> = []
    /// How fast a thread of a worker is beside its neighbours' fastest, where that mattered.
    var speeds: [Int: Double] = [:]
    var ending = RunStop()
    var idle = StallDetector()
    var lastTick: Double?
    /// Since when there has been nobody to work, where somebody may still come.
    var deserted: Double?

    package init(policy: FleetPolicy) {
        self.policy = policy
        kernels = KernelAgreement(policy)
        epoch = policy.firstEpoch
        names = TaskNames(above: policy.firstEpoch)
        // Higher than in any earlier start of this run: workers that outlived it obey newer edits only.
        editID = policy.firstEpoch
    }

    mutating func advance() -> [Directive] {
        var directives: [Directive] = []
        for (epoch, pipeline) in pipelines.sorted(by: { $0.key < $1.key }) where pipeline.isReady && !pipeline.announced
        {
            pipelines[epoch]!.announced = true
            for (index, placement) in pipeline.placements.enumerated() {
                pipelines[epoch]!.placements[index].computedBefore = membership[placement.worker]?.beat.computed ?? 0
                pipelines[epoch]!.placements[index].batchesBefore = tally.batches(of: placement.worker)
            }
            if scheduler != nil { directives += takeOver(epoch) }
            let hosts = hostNames(of: pipeline)
            directives += schedule { $0.pipelineReady(epoch, stageCount: pipeline.placements.count, hosts: hosts) }
        }
        if awaitingReady, !pipelines.isEmpty, pipelines.values.allSatisfy({ $0.isReady || $0.isDeferred }) {
            awaitingReady = false
            directives.append(.event(.ready))
        }
        return directives
    }

    mutating func fail(_ failure: FleetFailure) -> [Directive] {
        awaitingReady = false
        return endRun(holdsTraining: false) + [.event(.failed(failure))]
    }

    /// Asks the scheduler, where there is one, and does what it says.
    mutating func schedule(_ body: (inout Scheduler) -> [Scheduler.Directive]) -> [Directive] {
        guard scheduler != nil else { return [] }
        let directives = body(&scheduler!)
        return carryOut(directives)
    }

    mutating func tell(_ now: Double) {
        self.now = now
        scheduler?.now = now
    }

    mutating func carryOut(_ directives: [Scheduler.Directive]) -> [Directive] {
        var result: [Directive] = []
        for directive in directives {
            switch directive {
            case .grant(let epoch, let task):
                tally.granted()
                result.append(
                    .happened(
                        .granted(task: scheduler!.name(of: task), workers: workerNames(epoch), pipeline: epoch)))
                result += send(task, to: epoch)
            case .copy(let task, let epoch, let late):
                tally.granted()
                result.append(
                    .happened(
                        .copied(
                            task: scheduler!.name(of: task), workers: workerNames(epoch), late: workerNames(late))))
                result += send(task, to: epoch)
            case .abort(let epoch, let task):
                let key = self.key(epoch, task)
                result += (pipelines[epoch]?.placements ?? []).map { .send(worker: $0.worker, .abort(key)) }
                result.append(.dropTransfer(key))
            case .record(let task, let results): result.append(.event(.recorded(task, results)))
            case .commit(let task, let results):
                tally.committed()
                result.append(.event(.committed(task, results)))
            case .discard(let stale): result.append(.discard(stale))
            case .finished: result.append(.event(.finished))
            case .fail(let failure): return result + fail(failure)
            }
        }
        return result
    }

    func send(_ task: Int, to epoch: UInt64) -> [Directive] {
        (pipelines[epoch]?.placements ?? []).map {
            .sendTask(worker: $0.worker, key(epoch, task), scheduler!.body(of: task))
        }
    }

    func workerNames(_ epoch: UInt64) -> [String] { members(of: pipelines[epoch]?.placements ?? []).map(\.name) }
    func hostNames(of pipeline: Pipeline) -> Set<String> {
        Set(members(of: pipeline.placements).map(\.capabilities.host))
    }

    /// Their workers, as far as they are still members, in the same order.
    func members(of placements: [StagePlacement]) -> [FleetWorker] {
        var members: [FleetWorker] = []
        for placement in placements { if let member = membership[placement.worker] { members.append(member) } }
        return members
    }

    /// What workers call a task.
    func key(_ epoch: UInt64, _ task: Int) -> TaskKey { names.key(epoch, task) }
    func index(of key: TaskKey) -> Int? { names.index(of: key, count: scheduler?.count) }
    func isUnrecorded(_ key: TaskKey) -> Bool { unrecorded.values.contains { $0.key == key } }
    /// What the results of the run's task look like.
    package func contract(of index: Int) -> TaskContract? {
        guard let entries = scheduler?.entries, entries.indices.contains(index) else { return nil }
        return entries[index].task.contract
    }
    func placement(of worker: Int, _ epoch: UInt64) -> Int? {
        pipelines[epoch]?.placements.firstIndex { $0.worker == worker }
    }
    func offer(_ epoch: UInt64, _ placement: Int) -> Directive {
        let placement = pipelines[epoch]!.placements[placement]
        return .offerEdit(worker: placement.worker, epoch: epoch, layers: placement.layers)
    }

    package var currentEdit: UInt64 { editID }
    package func member(of session: [UInt8]) -> Int? { membership.id(of: session) }
    package func isPlaced(_ worker: Int, _ epoch: UInt64) -> Bool { placement(of: worker, epoch) != nil }
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
    case failed(FleetFailure)
    /// A worker with fine-tuned weights died between training and their use.
    case trainingLost(InterruptionCause)
}
