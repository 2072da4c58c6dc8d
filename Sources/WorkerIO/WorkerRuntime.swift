import Foundation
import Keys
import Protocol
package import Stages
import Tensors
import ZeroMQ

/// The worker's half of the fleet: one I/O thread (the caller's) owns all sockets, one compute thread runs the engine.
package final class WorkerRuntime: @unchecked Sendable {
    let options: WorkerOptions
    let security: LinkSecurity
    private let engine: any StageEngine
    /// Asked once a turn; `false` ends the worker (its parent is gone).
    private let parentLives: @Sendable () -> Bool
    /// Names this process in every hello.
    private let instance = UUID().uuidString

    // Other threads.
    let queue = ComputeQueue()
    private let meter = ComputeMeter()
    private let events = Mailbox<ComputeEvent>()
    private let orders = Mailbox<WorkerOrder>()

    // Connections. The context goes last.
    var context: Context?
    var coordinator: CoordinatorLink
    var listener: StageListener?
    var links = StageLinks()
    let bulk = BulkClient()

    // What is known, and what is to be done.
    var session = FleetSession(now: MonotonicClock.now)
    private var rediscovery = Rediscovery()
    var work = HeldWork()
    var departure: Departure?
    /// Tests: nothing is said or heard.
    private(set) var isMuted = false
    var end: WorkerEnd?

    package init(
        options: WorkerOptions, engine: any StageEngine, parentLives: @escaping @Sendable () -> Bool = { true }
    ) {
        self.options = options
        self.engine = engine
        self.parentLives = parentLives
        security = LinkSecurity(endpoint: options.connect, keys: options.keys)
        coordinator = CoordinatorLink(options, security)
    }

    /// From any thread (not from a signal handler).
    package func post(_ order: WorkerOrder) { orders.post(order) }

    /// Joins the fleet and works until something ends it.
    package func run() -> WorkerEnd {
        ComputeThread(engine: engine, queue: queue, meter: meter, events: events).start()
        queue.dropped = { [events] in events.post(.consumed(bytes: $0, epoch: $1, $2)) }
        let result: WorkerEnd
        do {
            try openSockets()
            result = try loop()
        } catch { result = .failed("\(error)") }
        queue.enter(epoch: .max, isFirst: false, window: 1)
        queue.post(.stop)
        listener?.close()
        links.close()
        bulk.close()
        coordinator.close()
        (listener, context) = (nil, nil)
        return result
    }

    private func openSockets() throws {
        let stranger = try security.keys.map { _ in try CurveKeyPair.generate() }
        let context = Context()
        self.context = context
        listener = try StageListener(options, security, stranger: stranger, in: context)
        try coordinator.connect(in: context)
    }

    // MARK: The I/O thread

    private func loop() throws -> WorkerEnd {
        session.begin(now: MonotonicClock.now)
        while true {
            let sockets = coordinator.sockets + (listener?.sockets ?? []) + bulk.sockets
            Poller.wait(
                sockets + (links.forward.map { [$0] } ?? []), events,
                milliseconds: listener?.isBusy == true ? 10 : 100)
            for order in orders.drain() { if let end = try obey(order) { return end } }
            for event in events.drain() { handle(event) }
            try receiveAndSend()
            if let end { return end }
            if let end = lookAtTheClock(MonotonicClock.now) { return end }
        }
    }

    /// Reads all sockets until they are empty, and sends what may be sent.
    private func receiveAndSend() throws {
        while let frames = try coordinator.receive() { handleControl(frames) }
        try listener?.answer()
        while let (event, refusal) = try coordinator.nextEvent(now: MonotonicClock.now) {
            switch event {
            case .disconnected: session.disconnected(now: MonotonicClock.now)
            case .handshakeSucceeded: session.connected()
            default: break
            }
            if let refusal { end = end ?? .refused(refusal) }
        }
        while let (sender, frames) = try listener?.receive() { handleData(frames, from: sender) }
        while let frames = try links.forward?.receive() { handleData(frames, from: nil) }
        try flushLinks()
        options.faults?.deliverDue(now: MonotonicClock.now)
        try serveBulk()
    }

    /// Does what is due by now.
    /// - Returns: why the worker ends, if it does.
    private func lookAtTheClock(_ now: Double) -> WorkerEnd? {
        session.turn(now: now)
        if let departure, departure.isOver(now: now) { return .goodbye(departure.reason) }
        guard parentLives() else { return .coordinatorGone("the program that started this worker is gone") }
        if session.saysHello(now: now) { sendHello() }
        if session.beats(now: now, every: options.beat) {
            sendBeat()
            sayLeaving()
        }
        searchForCoordinator(now)
        guard let silent = session.givesUp(now: now, silence: options.silence, patience: options.patience) else {
            return nil
        }
        return .coordinatorGone(
            "no coordinator answered at \(coordinator.endpoint) for \(Int(silent)) s: is it running, and is this its address?\(coordinator.hint)"
        )
    }

    /// - Returns: why the worker ends, if it does.
    private func obey(_ order: WorkerOrder) throws -> WorkerEnd? {
        guard let context else { return nil }
        switch order {
        case .vanish:
            coordinator.dropUnsent()
            bulk.close()
            return .failed("vanished")
        case .mute: isMuted = true
        case .unmute: isMuted = false
        case .found(let endpoint): try found(endpoint, in: context)
        case .reconnect:
            session.disconnected(now: MonotonicClock.now)
            try coordinator.reconnect(to: coordinator.endpoint, in: context)
        case .leave(let reason):
            guard session.isWelcome else { return .goodbye(reason) }
            departure = Departure(
                reason: reason, deadline: MonotonicClock.now + (departure == nil ? options.grace : 0))
            sayLeaving()
        }
        return nil
    }

    // MARK: The coordinator's whereabouts

    /// Looks whether the coordinator is somewhere else by now, off this thread: a probe may take seconds.
    private func searchForCoordinator(_ now: Double) {
        guard let rediscover = options.rediscover, rediscovery.begins(session, now: now) else { return }
        Thread { [weak self] in
            let found = rediscover()
            self?.post(.found(found))
        }.start()
    }

    private func found(_ new: String?, in context: Context) throws {
        rediscovery.ended(now: MonotonicClock.now)
        let old = coordinator.endpoint
        guard let new, new != old, new.hasPrefix("tcp://") == old.hasPrefix("tcp://") else { return }
        try coordinator.reconnect(to: new, in: context)
        session.moved()
    }

    // MARK: What the worker says

    private func sendHello() {
        var host = [CChar](repeating: 0, count: 256)
        gethostname(&host, 255)
        let name = String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        var capabilities = Capabilities(
            host: name, pid: getpid(), threads: options.threads, memoryBytes: options.memoryBytes,
            level: options.level, dataEndpoint: listener?.endpoint ?? "", name: options.name)
        capabilities.publicKey = security.keys?.pair.publicKey
        (capabilities.instance, capabilities.holdings) = (instance, work.resumable)
        send(.hello(capabilities))
        FaultInjection.reached("hello")
    }

    private func sendBeat() {
        var beat = Beat()
        (beat.steps, beat.busySeconds) = meter.read()
        beat.computed = meter.computed
        beat.retired = work.tasks.progress
        beat.moved = links.moved + bulk.moved
        send(.beat(beat))
    }

    /// More than once: a connection that broke may have taken it along.
    private func sayLeaving() {
        if let departure { send(departure.message(now: MonotonicClock.now)) }
    }

    func send(_ message: ToCoordinator, raw: [OutgoingFrame] = []) {
        guard !isMuted else { return }
        LinkFaults.pass(options.faults, message) { [self] in
            do {
                let head = try Codec.encode(message, version: options.version)
                try coordinator.send([.bytes(head)] + raw)
            } catch { end = .failed("\(error)") }
        }
    }
}
