package import FleetIO
import Foundation
package import Protocol
package import Scheduling
import Selection
package import Stages
package import Tensors
package import WorkerIO

/// A real fleet over ipc whose workers are threads of this process.
package final class TestFleet: @unchecked Sendable {
    package private(set) var workers: [WorkerRuntime] = []
    package private(set) var ends: [Int: WorkerEnd] = [:]
    /// The kernel levels that workers were told to start again at, by worker.
    package private(set) var lowered: [Int: [KernelLevel]] = [:]
    private let lock = NSLock()
    private let group = DispatchGroup()
    /// What the fleet reports.
    package let story = Story()
    package let folder: String
    package var fleet: Fleet!

    /// No closure, so that a trailing one is the engine.
    package struct Adjustment {
        package var body: (inout FleetSettings) throws -> Void
        package init(body: @escaping (inout FleetSettings) throws -> Void) { self.body = body }
    }

    /// - Parameter inOrder: each joins after the one before it, so that neighbours share a pipeline.
    package init(
        workers count: Int, inOrder: Bool = false, pipelines: Int? = nil, awaited: Int? = nil, lease: Double = 10,
        returning: Double = 0.5,
        version: UInt16 = Limits.version,
        levels: [KernelLevel] = [],
        minimumGain: Double = 1, grace: Double = 20, idle: Double? = nil, comeback: Double = 2,
        faults: [Int: LinkFaults] = [:], settings adjust: Adjustment? = nil,
        engine: @escaping @Sendable (Int, WorkerRuntime?) -> any StageEngine = { _, _ in FakeEngine() }
    ) throws {
        folder = NSTemporaryDirectory() + "faultline-fleet-\(UInt64.random(in: 0 ... .max))"
        var settings = FleetSettings(runDirectory: folder)
        settings.listen = "ipc://\(folder)/c"
        settings.awaited = awaited ?? count
        settings.pipelines = pipelines
        settings.lease = lease
        settings.returning = returning
        settings.registration = 30
        settings.minimumGain = minimumGain
        settings.idle = idle
        settings.comeback = comeback
        settings.happened = { [story] in story.hear($0) }
        try adjust?.body(&settings)
        let start: @Sendable (Int, String) -> Void = { [self] index, endpoint in
            var options = WorkerOptions(connect: endpoint)
            options.name = "w\(index)"
            options.dataFolder = NSTemporaryDirectory()
            options.version = version
            options.beat = 0.1
            options.grace = grace
            if index < levels.count { options.level = levels[index] }
            options.faults = faults[index]
            let first = make(index, options, engine)
            group.enter()
            Thread.detachNewThread { [self, options] in
                var options = options
                var end = first.run()
                // As the program does, which starts itself again.
                while case .level(let lower) = end {
                    lock.withLock { lowered[index, default: []].append(lower) }
                    options.level = lower
                    end = make(index, options, engine).run()
                }
                lock.withLock { ends[index] = end }
                group.leave()
            }
        }
        settings.bound = { [self] endpoint in
            guard inOrder else { return (0..<count).forEach { start($0, endpoint) } }
            Thread.detachNewThread { [self] in
                for index in 0..<count {
                    start(index, endpoint)
                    _ = story.wait(for: .joined, worker: "w\(index)")
                }
            }
        }
        fleet = try Fleet(settings)
        let endpoint = fleet.endpoint
        startWorker = { start($0, endpoint) }
    }

    private func make(
        _ index: Int, _ options: WorkerOptions, _ engine: @Sendable (Int, WorkerRuntime?) -> any StageEngine
    ) -> WorkerRuntime {
        let box = EngineBox()
        let runtime = WorkerRuntime(options: options, engine: box)
        box.engine = engine(index, runtime)
        lock.withLock { workers.append(runtime) }
        return runtime
    }

    /// One more worker, by its number.
    package func join(_ index: Int) { startWorker(index) }
    private var startWorker: (Int) -> Void = { _ in }

    /// Ends the fleet and waits for its workers.
    package func close() -> [Int: WorkerEnd] {
        fleet?.shutdown()
        if group.wait(timeout: .now() + 3) == .timedOut {
            for worker in workers { worker.post(.vanish) }
            _ = group.wait(timeout: .now() + 20)
        }
        try? FileManager.default.removeItem(atPath: folder)
        return lock.withLock { ends }
    }
}

/// Lets a test give an engine a handle on its own worker.
private final class EngineBox: StageEngine {
    var engine: (any StageEngine)!
    func load(_ assignment: StageAssignment) throws { try engine.load(assignment) }
    func apply(edit: TensorBundle?) throws { try engine.apply(edit: edit) }
    func begin(task: UInt64, body: TaskBody) throws -> [StageOutput] { try engine.begin(task: task, body: body) }
    func receive(_ packet: Packet) throws -> [StageOutput] { try engine.receive(packet) }
    func abort(task: UInt64) { engine.abort(task: task) }
}

package enum Fake {
    package static func capabilities(_ name: String) -> Capabilities {
        Capabilities(
            host: "h", pid: 1, threads: 1, memoryBytes: 1 << 30, level: .avx2, dataEndpoint: "ipc://\(name)",
            name: name)
    }

    package static func model(layers: Int = 6) -> ModelPlan {
        ModelPlan(
            path: "fake", layerBytes: [Int](repeating: 1000, count: layers),
            layerCost: [Double](repeating: 1, count: layers))
    }

    package static func batches(_ count: Int, seed: Int) -> [Batch] {
        (0..<count).map { batch in
            Batch(
                sequences: (0..<3).map {
                    TokenSequence(
                        tokens: (0..<20).map { Int32((seed * 31 + batch * 7 + $0) % 97) } + [Int32($0)], scoredFrom: 4)
                })
        }
    }

    package static func tasks(_ count: Int) -> [FleetTask] {
        (0..<count).map { index in
            FleetTask(
                body: index % 3 == 2
                    ? .likelihood(batches: batches(3, seed: index))
                    : .score(statistics: [.inputSquares], batches: batches(5, seed: index)),
                cost: 1)
        }
    }

    /// All results of a run, by task and tensor: what must be the same whatever the fleet.
    package static func run(_ fleet: Fleet, _ tasks: [FleetTask]) throws -> [String: [Float]] {
        var all: [String: [Float]] = [:]
        var next = 0
        try fleet.run(tasks, label: "test") { index, results in
            guard index == next else { throw FleetError("task \(index) committed, \(next) expected") }
            next += 1
            for result in results {
                for entry in try result.load().entries where entry.name.hasPrefix("model") {
                    all["\(index)/\(entry.name)"] = Array(entry.buffer.floats)
                }
            }
        }
        guard next == tasks.count else { throw FleetError("\(next) of \(tasks.count) tasks were committed") }
        return all
    }
}
