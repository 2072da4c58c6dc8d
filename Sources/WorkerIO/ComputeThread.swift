import Foundation
import Protocol
import Stages
import Tensors
import ZeroMQ

/// What the compute thread tells the I/O thread.
enum ComputeEvent: Sendable {
    case loaded(epoch: UInt64)
    case loadFailed(epoch: UInt64, String)
    case unfit(epoch: UInt64, String)
    case edited(epoch: UInt64, edit: UInt64)
    case send(Packet, epoch: UInt64)
    /// A packet's memory is free: its sender may have the credit back.
    case consumed(bytes: Int, epoch: UInt64, Packet.Direction)
    case retired(TaskKey)
    case result(TaskKey, TensorBundle.Image, digest: String)
    case failed(TaskKey, String)
}

/// Seconds and calls of the engine, read by the I/O thread for its beats.
final class ComputeMeter: @unchecked Sendable {
    private let lock = NSLock()
    private var steps: UInt64 = 0
    private var since: Double?
    private var seconds = 0.0

    /// - Parameter isWork: a task is computed, not weights loaded.
    func measure<R>(isWork: Bool = false, _ body: () throws -> R) rethrows -> R {
        lock.withLock { since = MonotonicClock.now }
        defer {
            lock.withLock {
                if isWork, let since { seconds += MonotonicClock.now - since }
                since = nil
                steps += 1
            }
        }
        return try body()
    }

    /// Seconds of work, the present call not among them.
    var computed: Double { lock.withLock { seconds } }

    func read() -> (steps: UInt64, busySeconds: Double) {
        lock.withLock { (steps, since.map { MonotonicClock.now - $0 } ?? 0) }
    }
}

/// Runs the engine, one call at a time.
final class ComputeThread: @unchecked Sendable {
    private let engine: any StageEngine
    private let queue: ComputeQueue
    private let meter: ComputeMeter
    private let events: Mailbox<ComputeEvent>
    private var held: StageAssignment?

    init(engine: any StageEngine, queue: ComputeQueue, meter: ComputeMeter, events: Mailbox<ComputeEvent>) {
        self.engine = engine
        self.queue = queue
        self.meter = meter
        self.events = events
    }

    func start() {
        let thread = Thread { [self] in run() }
        thread.stackSize = 16 << 20
        thread.name = "compute"
        thread.start()
    }

    private var open: Set<UInt64> = []

    private func run() {
        while true {
            switch queue.next() {
            case .stop: return
            case .load(let assignment, let epoch, let reload): load(assignment, epoch, reload)
            case .edit(let edit, let offer):
                do {
                    try meter.measure { try engine.apply(edit: edit) }
                    events.post(.edited(epoch: offer.epoch, edit: offer.edit))
                } catch { events.post(.loadFailed(epoch: offer.epoch, "edit \(offer.name): \(error)")) }
            case .begin(let key, let body):
                open.insert(key.task)
                perform(key) {
                    let outputs = try engine.begin(task: key.task, body: body)
                    queue.began(key, body)
                    return outputs
                }
            case .abort(let key):
                open.remove(key.task)
                engine.abort(task: key.task)
            case .packet(let packet, let epoch, let credit):
                FaultInjection.reached("compute")
                perform(TaskKey(epoch: epoch, task: packet.task)) { try engine.receive(packet) }
                if credit > 0 { events.post(.consumed(bytes: credit, epoch: epoch, packet.direction)) }
            }
        }
    }

    private func load(_ assignment: StageAssignment, _ epoch: UInt64, _ reload: Bool) {
        FaultInjection.reached("load")
        for task in open { engine.abort(task: task) }
        open = []
        do {
            if reload || held != assignment {
                held = nil
                try meter.measure { try engine.load(assignment) }
                held = assignment
            }
            events.post(.loaded(epoch: epoch))
        } catch let error as UnfitWorker {
            events.post(.unfit(epoch: epoch, error.description))
        } catch { events.post(.loadFailed(epoch: epoch, "\(error)")) }
    }

    private func perform(_ key: TaskKey, _ body: () throws -> [StageOutput]) {
        do {
            for output in try meter.measure(isWork: true, body) {
                switch output {
                case .packet(let packet) where packet.direction == .local:
                    queue.post(.packet(packet, epoch: key.epoch, creditBytes: 0))
                case .packet(let packet): events.post(.send(packet, epoch: key.epoch))
                case .retired(let task, let index):
                    queue.retired(epoch: key.epoch, task: task, index: index)
                    events.post(.retired(TaskKey(epoch: key.epoch, task: task)))
                case .advanced(let task): events.post(.retired(TaskKey(epoch: key.epoch, task: task)))
                case .result(let task, let bundle):
                    queue.finished(epoch: key.epoch, task: task)
                    open.remove(task)
                    var image = bundle.image()
                    let digest = image.seal()
                    events.post(.result(TaskKey(epoch: key.epoch, task: task), image, digest: digest))
                }
            }
        } catch {
            engine.abort(task: key.task)
            open.remove(key.task)
            queue.finished(epoch: key.epoch, task: key.task)
            events.post(.failed(key, "\(error)"))
        }
    }
}
