import FleetIO
package import Protocol
package import Scheduling
import Selection
import Tensors

/// A fleet without a network, under a clock of its own: the coordinator's state machine, and workers that take a set time
/// for a batch.
package struct VirtualFleet {
    package struct Worker {
        package var name: String
        package var host: String
        package var secondsPerBatch: Double
        package var memory = 1_000_000
        /// Dies when it begins one of these tasks, or when it loads.
        package var dies: @Sendable (_ task: Int) -> Bool = { _ in false }
        package var diesLoading = false
        package var failsLoading = false
        /// Seconds after its death after which it comes back.
        package var comesBack: Double?
        /// It does nothing and says nothing from then on.
        package var freezes = Double.infinity
        /// Which process it is; the same one where only its connection breaks.
        package var instance: String?

        package init(_ name: String, host: String = "h", secondsPerBatch: Double) {
            (self.name, self.host, self.secondsPerBatch) = (name, host, secondsPerBatch)
        }
    }

    /// What a worker has in hand.
    private struct Job {
        var batches: Int
        var done = 0
    }

    private struct Running {
        var worker: Worker
        var id: Int
        var epoch: UInt64 = 0
        var stage = 0
        /// Of the model's layers.
        var share = 1.0
        var computed = 0.0
        var steps = 0
        var jobs: [UInt64: Job] = [:]
        var spent = 0.0
    }

    package private(set) var core: FleetCore
    private let layers: Int
    private let model: ModelPlan
    package private(set) var now = 0.0
    private var running: [Int: Running] = [:]
    private var coming: [(at: Double, worker: Worker)] = []
    private var inbox: [(id: Int, message: ToCoordinator)] = []
    /// Steps of the script: what happens when.
    private var plan: [(at: Double, act: (inout VirtualFleet) -> Void)] = []

    package let story = Story()
    package private(set) var refusals: [String: Refusal] = [:]
    /// Hosts that were set aside, and why.
    package var setAside: [String: HostCause] {
        Dictionary(
            story.fleet.compactMap { if case .setAside(let host, let cause) = $0 { (host, cause) } else { nil } }
        ) { $1 }
    }
    package private(set) var lastWords: [String: ToWorker] = [:]
    package private(set) var recorded: [Int] = []
    package private(set) var committed: [Int] = []
    package private(set) var begun: [String: Set<Int>] = [:]
    package private(set) var failure: FleetFailure?
    package private(set) var hasStopped = false
    private var isFinished = false

    package init(_ workers: [Worker], pipelines: Int? = nil, layers: Int = 4, memoryEach: Int = 1) {
        var settings = FleetSettings(runDirectory: "")
        settings.awaited = workers.count
        settings.pipelines = pipelines
        core = FleetCore(policy: settings.policy)
        self.layers = layers
        model = ModelPlan(
            path: "m", layerBytes: [Int](repeating: memoryEach, count: layers),
            layerCost: [Double](repeating: 1, count: layers))
        for worker in workers { join(worker) }
        use()
    }

    /// The model is loaded (again).
    package mutating func use() {
        carry(core.use(model))
        settle()
    }

    package mutating func at(_ seconds: Double, _ act: @escaping (inout VirtualFleet) -> Void) {
        plan.append((seconds, act))
    }

    package mutating func join(_ worker: Worker) {
        var capabilities = Capabilities(
            host: worker.host, pid: 1, threads: 1, memoryBytes: worker.memory, level: .avx2, dataEndpoint: "ipc://x",
            name: worker.name)
        capabilities.instance = worker.instance
        let session = Array("\(worker.name) \(now)".utf8)
        let directives = core.hello(session, capabilities, now: now)
        for case .send(let id, .welcome) in directives where running[id] == nil {
            running[id] = Running(worker: worker, id: id)
        }
        carry(directives)
    }

    package mutating func leave(_ name: String, grace: Double?) {
        guard let id = id(of: name) else { return }
        carry(core.heard(.leaving(reason: "was asked to stop", grace: grace), from: id, now: now))
    }
    package mutating func drain(_ name: String) { carry(core.drain(name, now: now)) }
    package mutating func stop(within seconds: Double) { carry(core.stop(within: seconds, now: now)) }
    package mutating func kill(_ name: String) { if let id = id(of: name) { die(id) } }
    package func isThere(_ name: String) -> Bool { id(of: name) != nil }
    private func id(of name: String) -> Int? { running.values.first { $0.worker.name == name }?.id }
    package var remarks: [String] { core.progress(now: now).remarks }
    /// Names of the workers of each pipeline.
    package var placements: [[String]] {
        core.pipelines.sorted { $0.key < $1.key }.map {
            $0.value.placements.map { running[$0.worker]?.worker.name ?? "?" }
        }
    }

    /// - Returns: seconds until all tasks were committed; `nil` where it took more than an hour, failed or was stopped.
    package mutating func run(_ tasks: [FleetTask], limit: Double = 3600) -> Double? {
        let began = now
        (isFinished, failure, recorded, committed) = (false, nil, [], [])
        carry(core.run(tasks))
        var turn = 0
        while !isFinished, failure == nil, !hasStopped, now - began < limit {
            step(turn)
            turn += 1
        }
        let seconds = now - began
        carry(core.endRun(holdsTraining: false))
        return isFinished ? seconds : nil
    }

    /// A tenth of a second.
    private mutating func step(_ turn: Int) {
        now += 0.1
        while let index = plan.firstIndex(where: { $0.at <= now }) {
            let act = plan.remove(at: index).act
            act(&self)
        }
        while let index = coming.firstIndex(where: { $0.at <= now }) { join(coming.remove(at: index).worker) }
        for id in running.keys.sorted() { work(id) }
        if turn % 10 == 0 {
            for (id, entry) in running.sorted(by: { $0.key < $1.key }) where now < entry.worker.freezes {
                var beat = Beat()
                beat.computed = entry.computed
                beat.steps = UInt64(entry.steps)
                beat.busySeconds = entry.spent
                beat.retired = entry.jobs.filter { $0.value.batches > 0 }.mapValues(\.done)
                inbox.append((id, .beat(beat)))
            }
        }
        settle()
        if turn % 2 == 0 { carry(core.tick(now: now)) }
        settle()
    }

    private mutating func work(_ id: Int) {
        guard let entry = running[id], now < entry.worker.freezes else { return }
        running[id]!.spent += 0.1
        while let entry = running[id] {
            let ready = entry.jobs.filter { $0.value.done < available(entry, $0.key) }.keys.min()
            guard let task = ready else {
                running[id]!.spent = 0
                return
            }
            let seconds = entry.worker.secondsPerBatch * entry.share
            guard entry.spent + 1e-9 >= seconds else { return }
            running[id]!.spent -= seconds
            running[id]!.computed += seconds
            running[id]!.steps += 1
            running[id]!.jobs[task]!.done += 1
            guard running[id]!.jobs[task]!.done == entry.jobs[task]!.batches else { continue }
            let key = TaskKey(epoch: entry.epoch, task: task)
            running[id]!.jobs[task] = Job(batches: 0, done: entry.jobs[task]!.batches)
            inbox.append((id, .offer(key, digest: "digest of \(task), stage \(entry.stage)", byteCount: 1)))
            settle()
        }
    }

    /// Batches that have come from the stage before.
    private func available(_ entry: Running, _ task: UInt64) -> Int {
        let batches = entry.jobs[task]?.batches ?? 0
        guard entry.stage > 0 else { return batches }
        let before = running.values.first { $0.epoch == entry.epoch && $0.stage == entry.stage - 1 }
        return min(batches, before?.jobs[task]?.done ?? 0)
    }

    private mutating func die(_ id: Int) {
        guard let worker = running.removeValue(forKey: id)?.worker else { return }
        if let pause = worker.comesBack { coming.append((now + pause, worker)) }
        inbox.removeAll { $0.id == id }
        carry(core.lose(id, .connectionClosed))
    }

    /// Carries what workers say to the coordinator.
    private mutating func settle() {
        while !inbox.isEmpty {
            let (id, message) = inbox.removeFirst()
            guard let entry = running[id] else { continue }
            if case .assigned = message, entry.worker.diesLoading {
                die(id)
                continue
            }
            carry(core.heard(message, from: id, now: now))
        }
    }

    private mutating func carry(_ directives: [FleetCore.Directive]) {
        for directive in directives {
            switch directive {
            case .send(let id, .assign(let assignment)):
                guard let worker = running[id]?.worker, let count = assignment.layers?.count else { break }
                running[id] = Running(
                    worker: worker, id: id, epoch: assignment.epoch, stage: assignment.stageIndex,
                    share: Double(count) / Double(layers), computed: running[id]!.computed, steps: running[id]!.steps)
                inbox.append(
                    (
                        id,
                        worker.failsLoading
                            ? .assignmentFailed(epoch: assignment.epoch, error: "no such file")
                            : .assigned(epoch: assignment.epoch)
                    ))
            case .send(let id, .abort(let key)), .send(let id, .committed(let key)):
                if running[id]?.epoch == key.epoch { running[id]!.jobs[key.task] = nil }
            case .send: break
            case .offerEdit(let id, let epoch, _): inbox.append((id, .edited(epoch: epoch, edit: core.currentEdit)))
            case .sendTask(let id, let key, let body):
                guard let entry = running[id], entry.epoch == key.epoch else { break }
                let index = Int(key.task)
                begun[entry.worker.name, default: []].insert(index)
                guard !entry.worker.dies(index) else {
                    die(id)
                    break
                }
                running[id]!.jobs[key.task] = Job(batches: body.sourceCount)
            case .fetch(let id, let key, let index, let stage, let layers, let digest, _):
                let result = StageResult(
                    stage: stage, layers: layers, digest: digest, bundle: .memory(TensorBundle()),
                    worker: running[id]?.worker.name ?? "")
                carry(core.fetched(key, index: index, result, worker: id))
            case .dismiss(let member, let words):
                lastWords[member.name] = words
                running[member.id] = nil
            case .refuse(let member, let refusal):
                refusals[member.name] = refusal
                running[member.id] = nil
            case .happened(let occurrence): story.hear(occurrence)
            case .event(.recorded(let task, _)):
                recorded.append(task)
                carry(core.onRecord(task))
            case .event(.committed(let task, _)):
                committed.append(task)
                carry(core.acknowledge(task))
            case .event(.finished): isFinished = true
            case .event(.failed(let reason)): failure = reason
            case .event(.stopped): hasStopped = true
            case .event, .returned, .dropTransfers, .dropTransfer, .discard, .ended: break
            }
        }
    }

    /// Tasks of so many batches each, none of them tiny.
    package static func tasks(_ count: Int, batches: Int = 1) -> [FleetTask] {
        (0..<count).map { index in
            FleetTask(
                body: .score(statistics: [.inputSquares], batches: Fake.batches(batches, seed: index)), cost: 1000)
        }
    }
}
