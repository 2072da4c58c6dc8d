import Foundation
package import Keys
package import Logging
import Protocol
import Reporting
package import Stages
import Tensors
import ZeroMQ

/// How a worker joins and leaves.
package struct WorkerOptions: Sendable {
    package var connect: String
    package var threads = 1
    package var memoryBytes = 4 << 30
    /// Host part of the data endpoint; `nil`: an ipc socket in `dataFolder`.
    package var dataHost: String?
    package var dataFolder = "/tmp"
    package var name = ""
    package var kernelLevel = "default"
    package var kernelRank = 0
    package var simdLevel = 0
    /// Seconds without a word from the coordinator after which it is looked for again, and then given up.
    package var silence = 30.0
    package var patience = 60.0
    package var beat = 1.0
    package var version = Limits.version
    /// For TCP; ipc stays plain.
    package var keys: KeyFile?
    /// Seconds of handshakes that all fail, without one that succeeded, after which the worker gives up.
    package var handshakePatience = 10.0
    /// Seconds in which a worker that is asked to stop may finish what it runs.
    package var grace = 20.0
    /// Tests: what the links do to messages.
    package var faults: LinkFaults?
    /// Asks once where the coordinator is now (it may take seconds); `nil`: it stays where it was.
    package var rediscover: (@Sendable () -> String?)?
    /// Where programs read what happens to this worker.
    package var logger = Logger.silent

    package init(connect: String) { self.connect = connect }
}

/// Why a worker ended.
package enum WorkerEnd: Sendable, Equatable {
    /// The coordinator said goodbye, or the worker left when asked to.
    case goodbye(String)
    case refused(String)
    /// Start again at this kernel level.
    case level(String)
    case coordinatorGone(String)
    case failed(String)
}

/// What other threads may ask of a running worker.
package enum WorkerOrder: Sendable {
    /// SIGTERM: finish what ends within the grace period, give the rest back, and end. A second time: end soon.
    case leave(String)
    /// Tests: fall silent at once, as a killed process does.
    case vanish
    /// Tests: go on, but say nothing any more; and speak again.
    case mute
    case unmute
    /// Where the coordinator is now, as far as that was found out.
    case found(String?)
    /// Tests: the connection to the coordinator breaks, and is made again.
    case reconnect
}

/// The worker's half of the fleet: one I/O thread (the caller's) owns all sockets, one compute thread runs the engine.
package final class WorkerRuntime: @unchecked Sendable {
    let options: WorkerOptions
    let queue = ComputeQueue()
    let meter = ComputeMeter()
    let events = Mailbox<ComputeEvent>()
    private let commands = NSLock()
    private var pendingCommands: [WorkerOrder] = []
    private let engine: any StageEngine
    /// Asked once a beat; `false` ends the worker (its parent is gone).
    private let parentLives: @Sendable () -> Bool

    var context: Context?
    var authenticator: Authenticator?
    var control: Socket?
    var controlMonitor: Monitor?
    var handshakes: HandshakeWatch
    var routerMonitor: Monitor?
    var crowd: ConnectionGuard?
    /// The public key that may connect to the data socket: the previous stage's.
    var previousKey: String?
    var router: Socket?
    var forward: Socket?
    var peer: [UInt8]?
    var earlyPeers: [UInt64: (peer: [UInt8], credit: UInt64)] = [:]
    var outgoing = DataLink()
    var returning = DataLink()
    var assignment: Assignment?
    var results: [TaskKey: TensorBundle.Image] = [:]
    var retired: [UInt64: Int] = [:]
    let bulk = BulkClient()
    /// Tasks and the newest edit of this epoch: nothing is begun or applied twice.
    var begun: Set<UInt64> = []
    var newestEdit: UInt64 = 0
    /// Packets sent or received.
    var moved: UInt64 = 0
    /// Body digests of the tasks begun, and digests of their results, until they are forgotten.
    var contents: [TaskKey: String] = [:]
    var digests: [TaskKey: String] = [:]
    var isLoaded = false
    /// The edit in force, and the one on its way.
    var applied: (edit: UInt64, digest: String)?
    var offered: EditOffer?
    /// Fine-tuning has begun since that edit.
    var isTrained = false
    /// The run whose work this is.
    var runName: String?
    let instance = UUID().uuidString
    var endpoint: String
    private var connections = 0
    var missingSince: Double?
    var isSearching = false
    var nextSearch = 0.0
    var searchPause = 0.3
    var welcomed = false
    var wasWelcomed = false
    /// Say hello at once.
    var helloDue = false
    var highestEpoch: UInt64 = 0
    var lastHeard = MonotonicClock.now
    var muted = false
    /// Asked to leave by then. The coordinator's goodbye is awaited a little longer, for a connection that closes at once
    /// may look like a crash.
    var leaving: (reason: String, deadline: Double)?
    var dataPath: String?
    var end: WorkerEnd?

    package init(
        options: WorkerOptions, engine: any StageEngine, parentLives: @escaping @Sendable () -> Bool = { true }
    ) {
        self.options = options
        self.engine = engine
        self.parentLives = parentLives
        endpoint = options.connect
        handshakes = HandshakeWatch(
            endpoint: options.connect, keyName: options.keys?.name, patience: options.handshakePatience)
    }

    /// From any thread (not from a signal handler).
    package func post(_ command: WorkerOrder) { commands.withLock { pendingCommands.append(command) } }

    /// Joins the fleet and works until something ends it.
    package func run() -> WorkerEnd {
        ComputeThread(engine: engine, queue: queue, meter: meter, events: events).start()
        queue.dropped = { [events] in events.post(.consumed(bytes: $0, epoch: $1, $2)) }
        let result: WorkerEnd
        do {
            let endpoint = try openSockets()
            result = try loop(endpoint)
        } catch { result = .failed("\(error)") }
        queue.enter(epoch: .max, isFirst: false, window: 1)
        queue.post(.stop)
        for socket in [router, forward] { socket?.closeWithoutLinger() }
        bulk.close()
        (control, controlMonitor, router, routerMonitor) = (nil, nil, nil, nil)
        (forward, authenticator, context) = (nil, nil, nil)
        if let dataPath { unlink(dataPath) }
        return result
    }

    private func openSockets() throws -> String {
        let stranger = try keys.map { _ in try CurveKeyPair.generate() }
        let context = Context()
        self.context = context
        if keys != nil { authenticator = try Authenticator(in: context) }
        let router = try Socket(.router, in: context, security: dataSecurity)
        self.router = router
        let endpoint: String
        if let host = options.dataHost {
            endpoint = try router.bind("tcp://\(host):*")
        } else {
            let path = "\(options.dataFolder)/w\(getpid())-\(UInt32.random(in: 0...UInt32.max)).sock"
            dataPath = path
            endpoint = try router.bind("ipc://\(path)")
        }
        if let stranger {
            try test(endpoint, in: context, stranger)
            routerMonitor = try Monitor(of: router, in: context, name: "data")
            crowd = ConnectionGuard(endpoint: endpoint)
        }
        try connectControl()
        return endpoint
    }

    func connectControl() throws {
        guard let context else { return }
        connections += 1
        handshakes = HandshakeWatch(
            endpoint: endpoint, keyName: options.keys?.name, patience: options.handshakePatience)
        let control = try Socket(.dealer, in: context, security: controlSecurity)
        controlMonitor = try Monitor(of: control, in: context, name: "control-\(connections)")
        try control.connect(endpoint)
        self.control = control
    }

    private func loop(_ endpoint: String) throws -> WorkerEnd {
        let began = MonotonicClock.now
        var nextHello = began
        var nextBeat = began
        var lastTurn = began
        var backoff = 1.0
        while true {
            Poller.wait(
                [control, router, forward, authenticator?.socket, controlMonitor?.socket, routerMonitor?.socket]
                    .compactMap { $0 } + bulk.sockets, events, milliseconds: crowd?.isBusy == true ? 10 : 100)
            for command in commands.withLock({ () -> [WorkerOrder] in
                defer { pendingCommands = [] }
                return pendingCommands
            }) {
                switch command {
                case .vanish:
                    control?.closeWithoutLinger()
                    bulk.close()
                    return .failed("vanished")
                case .mute: muted = true
                case .unmute: muted = false
                case .found(let endpoint): try found(endpoint)
                case .reconnect:
                    control?.closeWithoutLinger()
                    (control, controlMonitor) = (nil, nil)
                    missingSince = MonotonicClock.now
                    try connectControl()
                case .leave(let reason):
                    guard welcomed else { return .goodbye(reason) }
                    leaving = (reason, MonotonicClock.now + (leaving == nil ? options.grace : 0))
                    sayLeaving()
                }
            }
            for event in events.drain() { handle(event) }
            while let frames = try control?.receive() { handleControl(frames) }
            try watchTheDoor()
            while let frames = try router?.receive() {
                if mayConnect(frames) { handleData(Array(frames.dropFirst()), from: frames[0].array) }
            }
            while let frames = try forward?.receive() { handleData(frames, from: nil) }
            try flushLinks()
            options.faults?.deliverDue(now: MonotonicClock.now)
            try serveBulk()
            if let end { return end }
            let now = MonotonicClock.now
            // Stopped, and continued: the coordinator was not silent for so long.
            if now - lastTurn > 5 { lastHeard += now - lastTurn }
            lastTurn = now
            if let leaving, now >= leaving.deadline + 3 { return .goodbye(leaving.reason) }
            guard parentLives() else { return .coordinatorGone("the program that started this worker is gone") }
            if helloDue { (helloDue, nextHello, backoff) = (false, 0, 1) }
            if !welcomed, now >= nextHello {
                sendHello(endpoint)
                nextHello = now + backoff * Double.random(in: 0.75...1.25)
                backoff = min(8, backoff * 1.6)
            }
            if welcomed, now >= nextBeat {
                nextBeat = now + options.beat
                sendBeat()
                sayLeaving()
            }
            searchForCoordinator()
            if now - lastHeard > options.silence + (wasWelcomed ? options.patience : 0),
                wasWelcomed || now - began > options.patience
            {
                return .coordinatorGone(
                    "no coordinator answered at \(self.endpoint) for \(Int(now - lastHeard)) s: is it running, and is this its address?\(handshakes.hint)"
                )
            }
        }
    }

    private func sendHello(_ endpoint: String) {
        var host = [CChar](repeating: 0, count: 256)
        gethostname(&host, 255)
        let name = String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        var capabilities = Capabilities(
            host: name, pid: getpid(), threads: options.threads, memoryBytes: options.memoryBytes,
            kernelLevel: options.kernelLevel, kernelRank: options.kernelRank, simdLevel: options.simdLevel,
            dataEndpoint: endpoint, name: options.name)
        capabilities.publicKey = keys?.pair.publicKey
        (capabilities.instance, capabilities.holdings) = (instance, holdings)
        send(.hello(capabilities))
        FaultInjection.reached("hello")
    }

    private func sendBeat() {
        var beat = Beat()
        (beat.steps, beat.busySeconds) = meter.read()
        beat.computed = meter.computed
        beat.retired = retired
        beat.moved = moved + bulk.moved
        send(.beat(beat))
    }

    /// More than once: a connection that broke may have taken it along.
    private func sayLeaving() {
        guard let leaving else { return }
        send(.leaving(reason: leaving.reason, grace: max(0, leaving.deadline - MonotonicClock.now)))
    }

    func send(_ message: ToCoordinator, raw: [OutgoingFrame] = []) {
        guard !muted else { return }
        LinkFaults.pass(options.faults, message) { [self] in
            guard let control else { return }
            do {
                let head = try Codec.encode(message, version: options.version)
                _ = try control.send([.bytes(head)] + raw)
            } catch { end = .failed("\(error)") }
        }
    }
}
