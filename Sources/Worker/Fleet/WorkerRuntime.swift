import Foundation
import Protocol
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
    /// SIGTERM: give the work back and end.
    case leave(String)
    /// Tests: fall silent at once, as a killed process does.
    case vanish
    /// Tests: go on, but say nothing any more.
    case mute
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
    var control: Socket?
    var router: Socket?
    var forward: Socket?
    var peer: [UInt8]?
    var earlyPeers: [UInt64: (peer: [UInt8], credit: UInt64)] = [:]
    var outgoing = DataLink()
    var returning = DataLink()
    var assignment: Assignment?
    var results: [TaskKey: TensorBundle.Image] = [:]
    var retired: [UInt64: Int] = [:]
    var incomingEdit: (offer: EditOffer, bytes: AlignedBuffer, received: Int, asked: Int)?
    var welcomed = false
    /// Say hello at once.
    var helloDue = false
    var highestEpoch: UInt64 = 0
    var lastHeard = Clock.now
    var muted = false
    var dataPath: String?
    var end: WorkerEnd?

    package init(
        options: WorkerOptions, engine: any StageEngine, parentLives: @escaping @Sendable () -> Bool = { true }
    ) {
        self.options = options
        self.engine = engine
        self.parentLives = parentLives
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
        (control, router, forward, context) = (nil, nil, nil, nil)
        if let dataPath { unlink(dataPath) }
        return result
    }

    private func openSockets() throws -> String {
        let context = Context()
        self.context = context
        let router = try Socket(.router, in: context)
        self.router = router
        control = try Socket(.dealer, in: context)
        try control?.connect(options.connect)
        guard let host = options.dataHost else {
            let path = "\(options.dataFolder)/w\(getpid())-\(UInt32.random(in: 0...UInt32.max)).sock"
            dataPath = path
            return try router.bind("ipc://\(path)")
        }
        return try router.bind("tcp://\(host):*")
    }

    private func loop(_ endpoint: String) throws -> WorkerEnd {
        let began = Clock.now
        var nextHello = began
        var nextBeat = began
        var backoff = 1.0
        while true {
            Poller.wait([control, router, forward].compactMap { $0 }, events, milliseconds: 100)
            for command in commands.withLock({ () -> [WorkerOrder] in
                defer { pendingCommands = [] }
                return pendingCommands
            }) {
                switch command {
                case .vanish:
                    control?.closeWithoutLinger()
                    return .failed("vanished")
                case .mute: muted = true
                case .leave(let reason):
                    send(.leaving(reason: reason))
                    return .goodbye(reason)
                }
            }
            for event in events.drain() { handle(event) }
            while let frames = try control?.receive() { handleControl(frames) }
            while let frames = try router?.receive() { handleData(Array(frames.dropFirst()), from: frames[0].array) }
            while let frames = try forward?.receive() { handleData(frames, from: nil) }
            try flushLinks()
            if let end { return end }
            let now = Clock.now
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
            }
            if now - lastHeard > options.silence + (welcomed ? options.patience : 0),
                welcomed || now - began > options.patience
            {
                return .coordinatorGone(
                    "no coordinator answered at \(options.connect) for \(Int(now - lastHeard)) s: is it running, and is this its address?"
                )
            }
        }
    }

    private func sendHello(_ endpoint: String) {
        var host = [CChar](repeating: 0, count: 256)
        gethostname(&host, 255)
        let name = String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        send(
            .hello(
                Capabilities(
                    host: name, pid: getpid(), threads: options.threads, memoryBytes: options.memoryBytes,
                    kernelLevel: options.kernelLevel, kernelRank: options.kernelRank,
                    simdLevel: options.simdLevel, dataEndpoint: endpoint, name: options.name)))
    }

    private func sendBeat() {
        var beat = Beat()
        (beat.steps, beat.busySeconds) = meter.read()
        beat.retired = retired
        send(.beat(beat))
    }

    func send(_ message: ToCoordinator, raw: [OutgoingFrame] = []) {
        guard !muted, let control else { return }
        do {
            let head = try Codec.encode(message, version: options.version)
            _ = try control.send([.bytes(head)] + raw)
        } catch { end = .failed("\(error)") }
    }
}
