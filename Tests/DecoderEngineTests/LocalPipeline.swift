import Checkpoint
import DecoderEngine
import ModelFixtures
import Protocol
import Stages
import Tensors

/// The stages of one pipeline in one process, passing packets by hand: the reference for what a fleet must compute.
final class LocalPipeline {
    private let engines: [TransformerEngine]
    private var nextTask: UInt64 = 1

    convenience init(_ fixture: Fixture, cuts: [Int], threads: Int = 1, memoryBytes: Int = 1 << 30) throws {
        try self.init(fixture.source, cuts: cuts, threads: threads, memoryBytes: memoryBytes)
    }

    init(_ source: any WeightSource, cuts: [Int], threads: Int = 1, memoryBytes: Int = 1 << 30) throws {
        let bounds = [0] + cuts + [source.config.layerCount]
        engines = try (0..<bounds.count - 1).map { stage in
            // Other paths are those of checkpoints that edits name.
            let engine = TransformerEngine(memoryBytes: memoryBytes) {
                $0 == "fixture" ? source : try Checkpoint.open($0)
            }
            try engine.load(
                StageAssignment(
                    model: "fixture", layers: bounds[stage]..<bounds[stage + 1], stageIndex: stage,
                    stageCount: bounds.count - 1, threads: threads))
            return engine
        }
    }

    func apply(_ edit: TensorBundle?) throws { for engine in engines { try engine.apply(edit: edit) } }

    /// Runs a task with at most `window` source packets in flight; returns every stage's result.
    func run(_ body: TaskBody, window: Int = 2) throws -> [TensorBundle] {
        let task = nextTask
        nextTask += 1
        do { return try run(task, body, window) } catch {
            for engine in engines { engine.abort(task: task) }
            throw error
        }
    }

    private func run(_ task: UInt64, _ body: TaskBody, _ window: Int) throws -> [TensorBundle] {
        var results = [TensorBundle?](repeating: nil, count: engines.count)
        var queues = [[Packet]](repeating: [], count: engines.count)
        var sent = 0
        var retired = 0
        func take(_ outputs: [StageOutput], at stage: Int) {
            for output in outputs {
                switch output {
                case .packet(let packet):
                    switch packet.direction {
                    case .forward: queues[stage + 1].append(packet)
                    case .backward: queues[stage - 1].append(packet)
                    case .local: queues[stage].append(packet)
                    }
                case .retired: if stage == 0 { retired += 1 }
                case .advanced: break
                case .result(_, let bundle): results[stage] = bundle
                }
            }
        }
        for (stage, engine) in engines.enumerated() { take(try engine.begin(task: task, body: body), at: stage) }
        while results.contains(where: { $0 == nil }) {
            if sent < body.sourceCount, sent - retired < window, body.barrier(before: sent) <= retired {
                queues[0].append(Packet(task: task, direction: .forward, index: sent))
                sent += 1
            }
            guard let stage = queues.indices.last(where: { !queues[$0].isEmpty }) else {
                if sent < body.sourceCount { continue }
                throw Stuck()
            }
            let order: [Packet.Direction] = [.backward, .local, .forward]
            let at = queues[stage].indices.min {
                (order.firstIndex(of: queues[stage][$0].direction)!, $0) < (
                    order.firstIndex(of: queues[stage][$1].direction)!, $1
                )
            }!
            take(try engines[stage].receive(queues[stage].remove(at: at)), at: stage)
        }
        return results.map { $0! }
    }

    struct Stuck: Error {}
}
