import Dispatch
import Foundation
import Keys
import Protocol
import Scheduling
import Tensors
import ZeroMQ

/// What the driver asks of the I/O thread.
enum FleetCommand: Sendable {
    case use(ModelPlan)
    case edit(TensorBundle?, name: String)
    /// The edit that makes the weights the workers hold now.
    case rebase(TensorBundle, name: String)
    /// A large edit's digest is known.
    case digested(EditOffer, TensorBundle.Image, worker: Int)
    case run([FleetTask], label: String)
    /// A task's results are on record.
    case onRecord(Int)
    case acknowledge(Int)
    case endRun(holdsTraining: Bool)
    /// A worker is to leave when it has finished what it runs, by its name.
    case drain(String)
    /// The run is to end within so many seconds.
    case stop(within: Double)
    case bulk(BulkServer.Report)
    /// Keys were added, revoked or taken off.
    case allowed(AllowList)
    /// The disk queue has done all that was asked of it before.
    case diskAnswered
    /// The work begins with those who are there.
    case gathered
    case shutdown
}

/// The I/O thread of the coordinator: owns the sockets and the clock, and does what `FleetCore` returns. It never waits for
/// the driver or the disk, so that liveness is judged on time.
final class FleetLoop: @unchecked Sendable {
    let endpoint: String
    let commands = Mailbox<FleetCommand>()
    let events = EventQueue<FleetEvent>()
    let local = LocalWorkers()
    let settings: FleetSettings
    private let disk = DispatchQueue(label: "faultline.results")
    private let ended = EventQueue<Void>()
    private var hasStarted = false
    /// What other threads see of the fleet.
    let snapshots = FleetSnapshots()

    // Touched on the I/O thread only.
    private var context: Context?
    var router: Socket?
    private var monitor: Monitor?
    var gate: ConnectionAuthenticator?
    var core: FleetCore
    let bulk: BulkServer
    var edit: (bundle: TensorBundle?, name: String) = (nil, "unedited")
    var layerCount = 0
    /// Digests of large edits are made here, not on the thread that judges who is alive.
    let digests = DispatchQueue(label: "faultline.digests")
    /// Closed their connections, and when that is held against them. What they said before, perhaps why, is still to be
    /// read, and they may be back in a moment.
    var departed: [Int: Double] = [:]
    /// When the disk queue was asked for a sign of life that has not come yet.
    private var diskAsked: Double?
    /// Workers of other versions of the protocol.
    var refusals = RefusalLog<String>()
    var bodies: (key: UInt64, frames: [OutgoingFrame], bytes: Int)?
    var receivedBytes = 0
    /// Workers are awaited, and no work is given yet.
    private var isGathering = true
    /// The step under way: what its tasks are called, and when it began.
    private var step: (label: String, began: Double)?
    private var times = Times()

    /// When something is to be done next, in seconds of the clock.
    private struct Times {
        var tick = MonotonicClock.now
        var status = MonotonicClock.now
        var ping = MonotonicClock.now
        var lastPing = 0.0
        /// Children are looked at every few milliseconds until then: a connection closed, and the child of ours that closed
        /// it may be ending, and becomes visible as ended in a moment.
        var watchful = 0.0
    }

    init(settings: FleetSettings, bind: String, partials: String, halves: String) throws {
        self.settings = settings
        core = FleetCore(policy: settings.policy)
        bulk = BulkServer(partials: partials, halves: halves, settings: settings) { [commands] in
            commands.post(.bulk($0))
        }
        let keys = bind.hasPrefix("tcp://") ? settings.keys : nil
        let stranger = try keys.map { _ in try CurveKeyPair.generate() }
        let context = Context()
        let gate = try ConnectionAuthenticator(
            keys, in: context, answers: settings.answersHandshakes, report: settings.report)
        let router = try Socket(.router, in: context, security: gate.security)
        do { endpoint = try router.bind(bind) } catch {
            if error.isAddressInUse {
                throw FleetError(
                    "--listen \(bind): another program listens there already; choose another port", isUsage: true)
            }
            throw FleetError("--listen \(bind): \(error.reason): choose an address of this machine", isUsage: true)
        }
        monitor = try Monitor(of: router, in: context, name: "control")
        if let stranger { try gate.test(endpoint, in: context, stranger: stranger) }
        (self.context, self.router, self.gate) = (context, router, gate)
    }

    func start() {
        hasStarted = true
        let thread = Thread { [self] in
            run()
            (monitor, router, gate, context) = (nil, nil, nil, nil)
            ended.post(())
        }
        thread.name = "fleet"
        thread.start()
    }

    /// Says goodbye to all workers and closes the sockets.
    func stop() {
        guard hasStarted else { return }
        commands.post(.shutdown)
        _ = ended.next(seconds: 15)
    }

    /// The last snapshot for those who look on, and its number; costs the I/O thread nothing.
    var status: (number: UInt64, status: RunStatus) {
        let (number, time, progress) = snapshots.newest
        var status = RunStatus(
            process: getpid(), endpoint: endpoint, epoch: settings.firstEpoch >> 32, progress: progress)
        status.time = time
        status.run = settings.runDirectory
        status.events = settings.recent()
        return (number, status)
    }

    private func run() {
        times = Times()
        let watch = gate?.listPath.map { AllowListWatch($0) }
        while let router, let monitor, let gate {
            Poller.wait(
                [router, monitor.socket] + gate.sockets, commands,
                milliseconds: MonotonicClock.now < times.watchful ? 2 : gate.milliseconds)
            for command in commands.drain() {
                if case .shutdown = command { return farewell() }
                obey(command)
            }
            do { try receive(router, monitor, gate) } catch { events.post(.failed(.system("\(error)"))) }
            let now = MonotonicClock.now
            bulk.pump(now: now) { session, frames in
                // An error shows at the control messages, too.
                (try? router.send([.bytes(session)] + frames)) ?? .full
            }
            for exit in local.reap() { childEnded(exit) }
            doWhatIsDue(now, watch)
        }
    }

    /// Reads what the sockets have.
    private func receive(_ router: Socket, _ monitor: Monitor, _ gate: ConnectionAuthenticator) throws {
        try gate.answer()
        let gone = departed.filter { $0.value <= MonotonicClock.now }.keys
        // So many at a time: whoever floods this socket does not keep the clock from being looked at.
        var left = 1000
        while left > 0, let frames = try router.receive() {
            handle(frames)
            left -= 1
        }
        for id in gone.sorted() where left > 0 && departed.removeValue(forKey: id) != nil {
            carryOut(core.lose(id, .connectionClosed))
        }
        while let event = try monitor.next() {
            switch event {
            case .accepted(let descriptor): gate.accepted(descriptor)
            // Strangers disconnect too: not for each of them.
            case .disconnected:
                times.ping = min(times.ping, times.lastPing + 0.1)
                if !local.children.isEmpty { times.watchful = MonotonicClock.now + 0.1 }
            case .handshakeFailed(let failure): gate.noted(failure)
            default: break
            }
        }
    }

    private func doWhatIsDue(_ now: Double, _ watch: AllowListWatch?) {
        if now >= times.tick {
            times.tick = now + 0.2
            carryOut(core.tick(now: now, diskIsSlow: now - (diskAsked ?? now) > 1))
            if diskAsked == nil {
                diskAsked = now
                // Both queues that write wait for the disk where it is full.
                disk.async { [commands, writer = bulk.queue] in writer.async { commands.post(.diskAnswered) } }
            }
            settle(bulk.tick(now: now, members: Array(core.membership.members.keys)) { send($0, $1) })
            publish(now)
        }
        if now >= times.status {
            times.status = now + 1
            disk.async { [self] in
                status.status.write(to: settings.runDirectory)
                for name in DrainRequests.take(from: settings.runDirectory) { commands.post(.drain(name)) }
            }
        }
        if now >= times.ping {
            (times.lastPing, times.ping) = (now, now + 2)
            if let watch { disk.async { [self] in reread(watch) } }
            for id in core.membership.members.keys.sorted() { send(id, .ping) }
        }
    }

    private func publish(_ now: Double, over: Bool = false) {
        var progress = core.progress(now: now)
        progress.counts.receivedBytes = receivedBytes
        if let step, progress.tasks > 0 { (progress.label, progress.seconds) = (step.label, now - step.began) }
        if over { progress.phase = .over }
        snapshots.publish(progress, core.kernels.level, awaitsPeers: core.awaitsPeers)
    }

    private func childEnded(_ exit: LocalWorkers.Exit) {
        let id = core.membership.id(named: exit.name)
        if let id { carryOut(core.lose(id, exit.cause)) }
        guard isGathering else {
            // Its connection closed first, and it was lost by that.
            return id == nil ? settings.report(RunOccurrence.processEnded(worker: exit.name, exit.cause)) : ()
        }
        let end = EarlyEnd(worker: exit.name, cause: exit.cause, lastWords: exit.lastWords)
        let isBack = exit.cause.isCrash && !exit.isRefusal && local.startAgain(exit.name)
        settings.report(RunOccurrence.endedEarly(end, isStartedAgain: isBack))
        guard !isBack else { return }
        carryOut(core.gaveUp())
        publish(MonotonicClock.now)
        snapshots.ended(end)
    }

    private func obey(_ command: FleetCommand) {
        switch command {
        case .use(let model):
            edit = (nil, "unedited")
            layerCount = model.layerCount
            carryOut(core.use(model))
        case .edit(let bundle, let name):
            edit = (bundle, name)
            bulk.clearEdits()
            carryOut(core.newEdit())
        case .rebase(let bundle, let name):
            edit = (bundle, name)
            bulk.clearEdits()
            carryOut(core.rebase())
        case .digested(let offer, let image, let worker): offerImage(worker, offer, image)
        case .run(let tasks, let label):
            step = (label, MonotonicClock.now)
            carryOut(core.run(tasks))
        case .onRecord(let task): carryOut(core.onRecord(task))
        case .acknowledge(let task): carryOut(core.acknowledge(task))
        case .endRun(let holdsTraining):
            carryOut(core.endRun(holdsTraining: holdsTraining))
            bulk.tidy()
        case .drain(let name): carryOut(core.drain(name, now: MonotonicClock.now))
        case .stop(let seconds): carryOut(core.stop(within: seconds, now: MonotonicClock.now))
        case .bulk(let report): if let outcome = bulk.take(report, now: MonotonicClock.now) { settle([outcome]) }
        case .allowed(let list): gate?.replace(list)
        case .diskAnswered: diskAsked = nil
        case .gathered: isGathering = false
        case .shutdown: break
        }
    }

    private func reread(_ watch: AllowListWatch) {
        switch watch.changed() {
        case .success(let list): commands.post(.allowed(list))
        case .failure(let error): settings.report(RunOccurrence.allowListUnreadable("\(error)"))
        case nil: break
        }
    }

    private func farewell() {
        publish(MonotonicClock.now, over: true)
        events.post(.failed(.shutDown))
        bulk.stop()
        for id in core.membership.members.keys { send(id, .goodbye(reason: "the run is over")) }
        let deadline = MonotonicClock.now + 5
        while MonotonicClock.now < deadline, !local.children.isEmpty {
            _ = local.reap()
            Poller.wait([], commands, milliseconds: 20)
        }
        for child in local.children { local.kill(named: child.name) }
        disk.sync { RunStatus.remove(from: settings.runDirectory) }
    }
}
