import FleetIO
import FleetSupport
import Foundation
import Protocol
import Scheduling
import Tensors
import TestSupport
import Testing

/// The coordinator's decisions and simulated workers over a seeded bad network, under a virtual clock: messages are lost,
/// come twice, late and out of order, workers are killed and come back, links between stages break.
struct LossyLinkTests {
    private static let first = Chance.firstSeed
    /// `FAULTLINE_SEEDS` chooses another number.
    private static let count = ProcessInfo.processInfo.environment["FAULTLINE_SEEDS"].flatMap { UInt64($0) } ?? 300

    @Test func everyTaskIsCommittedOnceOverAnyLink() {
        print("seeds \(Self.first) to \(Self.first + Self.count - 1)")
        var faults = 0
        for seed in Self.first..<Self.first + Self.count {
            var fleet = SimulatedFleet(seed: seed)
            let outcome = fleet.work()
            #expect(outcome == nil, "seed \(seed), after \(Int(fleet.now)) s: \(outcome ?? "")")
            faults += fleet.faults
            if outcome != nil { break }
        }
        #expect(faults > Int(Self.count), "the links were too good")
    }
}

/// A worker reduced to what it says: computing takes time and gives a result that names task, layers and edit.
private struct SimulatedWorker {
    var session: [UInt8]
    var name: String
    var welcomed = false
    var highest: UInt64 = 0
    var assignment: Assignment?
    var edit: UInt64 = 0
    var begun: Set<UInt64> = []
    var running: Set<TaskKey> = []
    /// Tasks whose packets were lost on a broken link: they end with the pipeline only.
    var stuck: Set<TaskKey> = []
    var steps: UInt64 = 0
}

private struct SimulatedFleet {
    enum Event {
        case toWorker([UInt8], ToWorker, TaskBody?)
        case toCore([UInt8], ToCoordinator)
        case loaded([UInt8], UInt64)
        case applied([UInt8], UInt64, UInt64)
        case computed([UInt8], TaskKey, String)
        case stored(TaskKey, index: Int, stage: Int, layers: Range<Int>, digest: String, worker: Int)
        case workerBeat([UInt8])
        case tick, ping
        case acknowledge(Int)
        case kill(Int)
        case join(String)
    }

    private var queue: [(time: Double, order: Int, event: Event)] = []
    private var order = 0
    private var chance: Chance
    private let rate: Double
    private(set) var now = 0.0
    private(set) var faults = 0
    private var core: FleetCore
    private var workers: [[UInt8]: SimulatedWorker] = [:]
    private var lastArrival: [[UInt8]: (there: Double, back: Double)] = [:]
    private var sessions = 0
    private let taskCount: Int
    private var committed = 0
    private var phase = 0
    private var outcome: String??

    init(seed: UInt64) {
        chance = Chance(seed: seed)
        var settings = FleetSettings(runDirectory: "x")
        let count = 1 + chance.below(4)
        settings.awaited = count
        settings.pipelines = 1 + chance.below(count)
        core = FleetCore(policy: settings.policy)
        rate = 0.04 * chance.fraction()
        taskCount = 3 + chance.below(8)
        for index in 0..<count { at(chance.fraction(), .join("w\(index)")) }
        at(0, .tick)
        at(0, .ping)
        // Fewer than set a task aside.
        for _ in 0..<chance.below(3) { at(5 + 60 * chance.fraction(), .kill(chance.below(count))) }
    }

    private mutating func at(_ delay: Double, _ event: Event) {
        order += 1
        let entry = (time: now + delay, order: order, event: event)
        var low = 0
        var high = queue.count
        // Latest first, so that the next one is popped from the end.
        while low < high {
            let middle = (low + high) / 2
            if (queue[middle].time, queue[middle].order) > (entry.time, entry.order) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        queue.insert(entry, at: low)
    }

    /// In order and soon, unless something happens to it.
    private mutating func link(_ session: [UInt8], back: Bool, _ event: Event) {
        var last = lastArrival[session] ?? (0, 0)
        let arrival = max(now + 0.002 + 0.01 * chance.fraction(), (back ? last.back : last.there) + 0.0001)
        if back { last.back = arrival } else { last.there = arrival }
        lastArrival[session] = last
        guard chance.fraction() < rate else { return at(arrival - now, event) }
        faults += 1
        switch chance.below(4) {
        case 0: break
        case 1:
            at(arrival - now, event)
            at(arrival - now + 40 * chance.fraction() * chance.fraction(), event)
        case 2: at(arrival - now + 40 * chance.fraction(), event)
        default: at(arrival - now + 0.5 * chance.fraction(), event)
        }
    }

    /// - Returns: what went wrong.
    mutating func work() -> String? {
        while let entry = queue.popLast() {
            now = entry.time
            if now > 20_000 {
                return "it hangs: \(committed) of \(taskCount) tasks committed in phase \(phase)"
            }
            handle(entry.event)
            if case .some(let result) = outcome { return result }
        }
        return "nothing is left to happen"
    }

    private mutating func handle(_ event: Event) {
        switch event {
        case .toWorker(let session, let message, let body): hear(session, message, body)
        case .toCore(let session, let message): tell(session, message)
        case .loaded(let session, let epoch):
            if workers[session]?.assignment?.epoch == epoch { say(session, .assigned(epoch: epoch)) }
        case .applied(let session, let epoch, let edit):
            guard workers[session]?.assignment?.epoch == epoch else { return }
            workers[session]!.edit = edit
            say(session, .edited(epoch: epoch, edit: edit))
        case .computed(let session, let key, let digest):
            guard let worker = workers[session], worker.running.contains(key) else { return }
            workers[session]!.running.remove(key)
            workers[session]!.steps += 1
            say(session, .offer(key, digest: digest, byteCount: 9))
        case .stored(let key, let index, let stage, let layers, let digest, let worker):
            let result = StageResult(
                stage: stage, layers: layers, digest: digest, bundle: .memory(TensorBundle()), worker: "\(worker)")
            carryOut(core.fetched(key, index: index, result, worker: worker))
        case .workerBeat(let session): beat(session)
        case .tick:
            carryOut(core.tick(now: now))
            at(0.5, .tick)
        case .ping:
            for (session, _) in workers.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) })
            where core.member(of: session) != nil { link(session, back: false, .toWorker(session, .ping, nil)) }
            at(2, .ping)
        case .acknowledge(let task): carryOut(core.acknowledge(task))
        case .kill(let number): kill(number)
        case .join(let name): join(name)
        }
    }

    // MARK: The driver

    private mutating func carryOut(_ directives: [FleetCore.Directive]) {
        for directive in directives {
            switch directive {
            case .send(let worker, let message): send(worker, message)
            case .dismiss(let member, let message):
                link(member.session, back: false, .toWorker(member.session, message, nil))
            case .refuse(let member, let refusal):
                link(member.session, back: false, .toWorker(member.session, .refuse(reason: "\(refusal)"), nil))
            case .sendTask(let worker, let key, let body): send(worker, .task(key, bodyBytes: 1), body)
            case .offerEdit(let worker, let epoch, _):
                send(
                    worker, .edit(EditOffer(epoch: epoch, edit: core.currentEdit, name: "e", digest: "", byteCount: 0)))
            case .fetch(let worker, let key, let index, let stage, let layers, let digest, _):
                let disk = chance.fraction() < 0.05 ? 5.0 : 0.01
                at(
                    disk,
                    .stored(key, index: index, stage: stage, layers: layers, digest: digest, worker: worker))
            case .event(.ready): proceed()
            case .event(.committed(let task, let results)): commit(task, results)
            case .event(.finished): finish()
            case .event(.failed(let reason)): outcome = .some("the run failed: \(reason)")
            case .event(.recorded(let task, _)): carryOut(core.onRecord(task))
            case .event(.trainingLost), .event(.membership), .event(.stopped), .dropTransfers, .dropTransfer, .discard,
                .returned, .ended, .happened:
                break
            }
        }
    }

    private mutating func send(_ worker: Int, _ message: ToWorker, _ body: TaskBody? = nil) {
        guard let session = workers.keys.first(where: { core.member(of: $0) == worker }) else { return }
        link(session, back: false, .toWorker(session, message, body))
    }

    /// The model is loaded, then an edit, a run, another edit, another run.
    private mutating func proceed() {
        phase += 1
        switch phase {
        case 1, 3: carryOut(core.newEdit())
        default:
            committed = 0
            carryOut(
                core.run(
                    (0..<taskCount).map {
                        let tokens = TokenSequence(tokens: [Int32(phase), Int32($0)], scoredFrom: 0)
                        return FleetTask(body: .likelihood(batches: [Batch(sequences: [tokens])]), cost: 1)
                    }))
        }
    }

    private mutating func commit(_ task: Int, _ results: [StageResult]) {
        guard task == committed else { return outcome = .some("task \(task) committed, \(committed) expected") }
        committed += 1
        var layer = 0
        for result in results {
            guard result.layers.lowerBound == layer else { return outcome = .some("a gap before layer \(layer)") }
            layer = result.layers.upperBound
            let expected = digest(task: [Int32(phase), Int32(task)], result.layers, core.currentEdit)
            guard result.digest == expected else { return outcome = .some("\(result.digest) for \(expected)") }
        }
        guard layer == LivenessTests.model.layerCount else { return outcome = .some("layers end at \(layer)") }
        at(0.01, .acknowledge(task))
    }

    private mutating func finish() {
        guard committed == taskCount else { return outcome = .some("finished after \(committed) tasks") }
        carryOut(core.endRun(holdsTraining: false))
        guard phase == 2 else { return outcome = .some(nil) }
        phase = 2
        proceed()
    }

    private func digest(task: [Int32], _ layers: Range<Int>, _ edit: UInt64) -> String {
        "task \(task), layers \(layers), edit \(edit)"
    }

    // MARK: Workers

    private mutating func join(_ name: String) {
        sessions += 1
        let session = [UInt8(sessions & 0xFF), UInt8(sessions >> 8)]
        workers[session] = SimulatedWorker(session: session, name: name)
        beat(session)
        guard sessions == 1 else { return }
        // The driver begins when all are there; here it may begin with the first.
        carryOut(core.use(LivenessTests.model))
    }

    /// Its process ends; another one starts a little later.
    private mutating func kill(_ number: Int) {
        guard let session = workers.values.filter({ $0.name == "w\(number)" }).map(\.session).first else { return }
        workers[session] = nil
        // Whether the connection's end is seen or not: by the lease at the latest.
        if chance.below(2) == 0, let id = core.member(of: session) {
            carryOut(core.lose(id, .connectionClosed))
        }
        at(1 + 20 * chance.fraction(), .join("w\(number)"))
    }

    private mutating func say(_ session: [UInt8], _ message: ToCoordinator) {
        link(session, back: true, .toCore(session, message))
    }

    private mutating func tell(_ session: [UInt8], _ message: ToCoordinator) {
        if case .hello(let capabilities) = message {
            // A dead worker's hello may still be on its way.
            return carryOut(core.hello(session, capabilities, now: now))
        }
        guard let id = core.member(of: session) else {
            return link(session, back: false, .toWorker(session, .rejoin, nil))
        }
        carryOut(core.heard(message, from: id, now: now))
    }

    private mutating func beat(_ session: [UInt8]) {
        guard let worker = workers[session] else { return }
        if worker.welcomed {
            var beat = Beat()
            beat.steps = worker.steps
            beat.busySeconds = worker.running.subtracting(worker.stuck).isEmpty ? 0 : 0.5
            say(session, .beat(beat))
        } else {
            say(session, .hello(Fake.capabilities(worker.name)))
        }
        at(1, .workerBeat(session))
    }

    private mutating func hear(_ session: [UInt8], _ message: ToWorker, _ body: TaskBody?) {
        guard var worker = workers[session] else { return }
        defer { workers[session] = worker }
        switch message {
        case .welcome: worker.welcomed = true
        case .rejoin:
            guard worker.welcomed else { return }
            worker.welcomed = false
            worker.assignment = nil
            (worker.begun, worker.running, worker.edit) = ([], [], 0)
        case .assign(let assignment):
            guard assignment.epoch > worker.highest else { return }
            (worker.highest, worker.assignment) = (assignment.epoch, assignment)
            (worker.begun, worker.running, worker.edit) = ([], [], 0)
            at(0.1 + 2 * chance.fraction(), .loaded(session, assignment.epoch))
        case .edit(let offer):
            guard offer.epoch == worker.assignment?.epoch, offer.edit > worker.edit else { return }
            worker.edit = offer.edit
            at(0.05, .applied(session, offer.epoch, offer.edit))
        case .task(let key, _):
            guard key.epoch == worker.assignment?.epoch, let body, case .likelihood(let batches) = body,
                worker.begun.insert(key.task).inserted, let layers = worker.assignment?.layers
            else { return }
            worker.running.insert(key)
            if chance.fraction() < rate / 2 {
                worker.stuck.insert(key)
                faults += 1
            } else {
                let words = digest(task: batches[0].sequences[0].tokens, layers, worker.edit)
                at(0.2 + 4 * chance.fraction(), .computed(session, key, words))
            }
        case .abort(let key): if key.epoch == worker.assignment?.epoch { worker.running.remove(key) }
        default: break
        }
    }
}
