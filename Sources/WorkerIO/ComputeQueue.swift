import Foundation
import Protocol
import Stages
import Tensors

/// What the compute thread does next, in the order of `StageEngine`'s contract.
enum ComputeJob: Sendable {
    case load(StageAssignment, epoch: UInt64, reload: Bool)
    case edit(TensorBundle?, EditOffer)
    case begin(TaskKey, TaskBody)
    case abort(TaskKey)
    case packet(Packet, epoch: UInt64, creditBytes: Int)
    case stop
}

/// Work for the compute thread: commands in the order they came, then packets by priority, then the source's next batch.
final class ComputeQueue: @unchecked Sendable {
    private struct Waiting {
        var packet: Packet
        var credit: Int
        var order: Int
        /// Backward before local before forward, then lower task, then lower index, then first come.
        var rank: (Int, UInt64, Int, Int) {
            let direction =
                switch packet.direction {
                case .backward: 0;
                case .local: 1;
                case .forward: 2
                }
            return (direction, packet.task, packet.index, order)
        }
    }

    /// The first stage's account of a task's batches.
    private struct Source {
        var body: TaskBody
        var count: Int
        var next = 0
        var retired: Set<Int> = []
        /// All batches before this one are retired.
        var floor = 0
        var inFlight: Int { next - floor - retired.count }

        mutating func retire(_ index: Int) {
            guard index >= floor, index < next else { return }
            retired.insert(index)
            while retired.remove(floor) != nil { floor += 1 }
        }
    }

    private let condition = MonotonicCondition()
    private var commands: [ComputeJob] = []
    private var waiting: [Waiting] = []
    private var sources: [UInt64: Source] = [:]
    /// Tasks whose begin has run; packets of others wait for it.
    private var begun: Set<UInt64> = []
    private var over: Set<UInt64> = []
    private var epoch: UInt64 = 0
    private var window = 1
    private var isFirst = false
    private var outgoingFull = false
    private var counter = 0
    /// Told of packets that are dropped unread, so that their senders get the credit back.
    var dropped: (@Sendable (_ bytes: Int, _ epoch: UInt64, Packet.Direction) -> Void)?

    /// Forgets all tasks of older epochs.
    func enter(epoch: UInt64, isFirst: Bool, window: Int) {
        condition.withLock {
            self.epoch = epoch
            self.isFirst = isFirst
            self.window = max(1, window)
            commands.removeAll()
            waiting.removeAll()
            sources.removeAll()
            begun.removeAll()
            over.removeAll()
            outgoingFull = false
        }
    }

    func post(_ job: ComputeJob) {
        condition.withLock {
            switch job {
            case .packet(let packet, let epoch, let credit):
                guard epoch == self.epoch, !over.contains(packet.task) else { return }
                counter += 1
                waiting.append(Waiting(packet: packet, credit: credit, order: counter))
            case .abort(let key):
                guard key.epoch == epoch else { return }
                forget(key.task)
                commands.removeAll { if case .begin(let begin, _) = $0 { begin.task == key.task } else { false } }
                commands.append(job)
            default: commands.append(job)
            }
            condition.broadcast()
        }
    }

    /// While the link to the next stage is full no forward packet is computed: what waits there stays bounded.
    func setOutgoingFull(_ full: Bool) {
        condition.withLock {
            outgoingFull = full
            condition.broadcast()
        }
    }

    func began(_ key: TaskKey, _ body: TaskBody) {
        condition.withLock {
            guard key.epoch == epoch, !over.contains(key.task) else { return }
            begun.insert(key.task)
            if isFirst, body.sourceCount > 0 { sources[key.task] = Source(body: body, count: body.sourceCount) }
        }
    }

    func retired(epoch: UInt64, task: UInt64, index: Int) {
        condition.withLock { if epoch == self.epoch { sources[task]?.retire(index) } }
    }

    func isOver(_ task: UInt64) -> Bool { condition.withLock { over.contains(task) } }

    func finished(epoch: UInt64, task: UInt64) { condition.withLock { if epoch == self.epoch { forget(task) } } }

    private func forget(_ task: UInt64) {
        over.insert(task)
        begun.remove(task)
        sources[task] = nil
        for entry in waiting where entry.packet.task == task && entry.credit > 0 {
            dropped?(entry.credit, epoch, entry.packet.direction)
        }
        waiting.removeAll { $0.packet.task == task }
    }

    func next() -> ComputeJob {
        condition.withLock {
            while true {
                if let job = ready() { return job }
                condition.wait()
            }
        }
    }

    private func ready() -> ComputeJob? {
        if !commands.isEmpty { return commands.removeFirst() }
        let ready = waiting.indices.filter {
            begun.contains(waiting[$0].packet.task) && !(waiting[$0].packet.direction == .forward && outgoingFull)
        }
        if let best = ready.min(by: { waiting[$0].rank < waiting[$1].rank }) {
            let taken = waiting.remove(at: best)
            return .packet(taken.packet, epoch: epoch, creditBytes: taken.credit)
        }
        return inject().map { .packet($0, epoch: epoch, creditBytes: 0) }
    }

    private func inject() -> Packet? {
        guard isFirst, !outgoingFull, sources.values.reduce(0, { $0 + $1.inFlight }) < window else { return nil }
        for task in sources.keys.sorted() {
            guard let source = sources[task], source.next < source.count,
                source.body.barrier(before: source.next) <= source.floor
            else { continue }
            sources[task]!.next += 1
            return Packet(task: task, direction: .forward, index: source.next)
        }
        return nil
    }
}
