import FleetIO
import FleetSupport
import Foundation
import Protocol
import Scheduling
import Selection
import Stages
import Tensors
import Testing
import WorkerIO

/// What happens when workers die, stall, lie or refuse.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct FleetFailureTests {
    /// Does something once, at the n-th call.
    final class Once: @unchecked Sendable {
        private let lock = NSLock()
        private var left: Int
        init(after calls: Int) { left = calls }
        func strike() -> Bool {
            lock.withLock {
                left -= 1
                return left == 0
            }
        }
    }

    @Test(arguments: [(3, 1, 0), (3, 1, 1), (3, 1, 2), (2, 2, 1), (3, 2, 2), (2, 1, 0)], [1, 7, 14])
    func aWorkerVanishesMidTask(shape: (workers: Int, pipelines: Int, victim: Int), calls: Int) throws {
        let once = Once(after: calls)
        let test = try TestFleet(workers: shape.workers, pipelines: shape.pipelines, lease: 2) { index, runtime in
            FakeEngine { call, _ in if index == shape.victim, call != "load", once.strike() { runtime?.post(.vanish) } }
        }
        defer { _ = test.close() }
        try test.fleet.use(model: Fake.model())
        #expect(try Fake.run(test.fleet, Fake.tasks(9)) == FleetTests.golden)
        #expect(test.story.wait(for: .lost, worker: "w\(shape.victim)"))
    }

    @Test func aSilentWorkerIsLostAfterItsLease() throws {
        let once = Once(after: 5)
        let test = try TestFleet(workers: 2, pipelines: 1, lease: 1.5) { index, runtime in
            FakeEngine { _, _ in if index == 1, once.strike() { runtime?.post(.mute) } }
        }
        defer { _ = test.close() }
        try test.fleet.use(model: Fake.model())
        #expect(try Fake.run(test.fleet, Fake.tasks(9)) == FleetTests.golden)
        #expect(test.story.losses.contains { $0.label == .silent })
    }

    @Test func allDeadIsOneClearError() throws {
        let test = try TestFleet(workers: 1, lease: 1.5) { _, runtime in
            FakeEngine { call, _ in if call == "forward" { runtime?.post(.vanish) } }
        }
        defer { _ = test.close() }
        try test.fleet.use(model: Fake.model())
        let error = #expect(throws: FleetError.self) { try Fake.run(test.fleet, Fake.tasks(3)) }
        #expect(error?.description.contains("no worker is left") == true)
        #expect(throws: FleetError.self) { try Fake.run(test.fleet, Fake.tasks(3)) }
    }

    @Test func anEngineErrorFailsTheRunAtOnceAndTheFleetGoesOn() throws {
        struct Bad: Error, CustomStringConvertible { var description: String { "NaN in layer 3" } }
        let once = Once(after: 6)
        let test = try TestFleet(workers: 2, pipelines: 1) { index, _ in
            FakeEngine { call, _ in if index == 1, call == "forward", once.strike() { throw Bad() } }
        }
        defer { _ = test.close() }
        try test.fleet.use(model: Fake.model())
        let error = #expect(throws: FleetError.self) { try Fake.run(test.fleet, Fake.tasks(9)) }
        #expect(error?.description.contains("NaN in layer 3") == true && error?.description.contains("w1") == true)
        #expect(try Fake.run(test.fleet, Fake.tasks(9)) == FleetTests.golden)
    }

    @Test func aModelThatCannotBeLoadedIsSaid() throws {
        struct Missing: Error, CustomStringConvertible { var description: String { "fake: no such file" } }
        let test = try TestFleet(workers: 1) { _, _ in FakeEngine { call, _ in if call == "load" { throw Missing() } } }
        defer { _ = test.close() }
        let error = #expect(throws: FleetError.self) { try test.fleet.use(model: Fake.model()) }
        #expect(error?.description == "w0: fake: no such file")
    }

    @Test func anotherVersionIsRefusedNamingBoth() throws {
        let (log, story) = (Log(), Story())
        let folder = NSTemporaryDirectory() + "faultline-version-\(UInt64.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var settings = FleetSettings(runDirectory: folder)
        settings.listen = "ipc://\(folder)/c"
        settings.registration = 2
        settings.happened = { story.hear($0) }
        settings.bound = { endpoint in
            var options = WorkerOptions(connect: endpoint)
            options.version = 99
            let joined = options
            Thread.detachNewThread {
                if case .refused(let reason) = WorkerRuntime(options: joined, engine: FakeEngine()).run() {
                    log.add(reason)
                }
                log.finished.signal()
            }
        }
        let error = #expect(throws: FleetError.self) { try Fleet(settings) }
        #expect(error?.description.contains("0 of 1 workers joined") == true)
        #expect(log.finished.wait(timeout: .now() + 10) == .success)
        let told = story.run.compactMap { if case .otherVersion(let fault) = $0 { fault } else { nil } }
        #expect(told.count == 1 && log.lines.count == 1)
        for line in told + log.lines {
            #expect(line.contains("version 99") && line.contains("version \(Limits.version)"))
        }
    }

    @Test func bigResultsComeInChunksAndSurviveADeathInBetween() throws {
        let floats = 900_000
        func body(_ kill: Bool) throws -> [String: [Float]] {
            let once = Once(after: 3)
            let test = try TestFleet(workers: 3, pipelines: 1, lease: 2) { index, runtime in
                FakeEngine(resultFloats: floats) { call, _ in
                    // At its third task the first result is on its way.
                    if kill, index == 1, call == "begin", once.strike() { runtime?.post(.vanish) }
                }
            }
            defer { _ = test.close() }
            try test.fleet.use(model: Fake.model())
            let results = try Fake.run(test.fleet, Fake.tasks(4))
            let left = try FileManager.default.contentsOfDirectory(atPath: test.folder + "/partials")
                .filter { $0 != "incoming" }
            #expect(left.count == 4 * (kill ? 2 : 3) || kill && left.count <= 4 * 3)
            #expect(left.allSatisfy { $0.hasSuffix(".safetensors") })
            return results
        }
        let whole = try body(false)
        #expect(whole["0/model.layers.0.x"]?.count == floats)
        #expect(try body(true) == whole)
    }

    @Test func editsReachEveryStageAndThoseThatComeLater() throws {
        let once = Once(after: 9)
        let test = try TestFleet(workers: 3, pipelines: 1, lease: 2) { index, runtime in
            FakeEngine { call, _ in if index == 1, call == "forward", once.strike() { runtime?.post(.vanish) } }
        }
        defer { _ = test.close() }
        try test.fleet.use(model: Fake.model())
        // One entry of 1.5 MB a layer: pulled in chunks.
        let entries = (0..<6).map {
            TensorBundle.Entry(
                name: "model.layers.\($0).mlp.mask", type: .u8, shape: [1_500_000],
                buffer: AlignedBuffer(byteCount: 1_500_000))
        }
        func editSum() throws -> Float {
            var sum: Float = 0
            try test.fleet.run(Fake.tasks(4), label: "edit") { index, results in
                guard index == 3 else { return }
                for result in results { sum += try result.load().entries.last!.buffer.floats[0] }
            }
            return sum
        }
        #expect(try editSum() == 0)
        try test.fleet.apply(edit: TensorBundle(entries: entries), name: "mask")
        #expect(try editSum() == 21)
        try test.fleet.apply(edit: nil, name: "none")
        #expect(try editSum() == 0)
        // One of no known kind is refused in words before it travels.
        let unknown = TensorBundle(metadata: [EditKind.key: "rotate"], entries: entries)
        let error = #expect(throws: SelectionError.self) { try test.fleet.apply(edit: unknown, name: "rotate") }
        #expect(error?.description.hasPrefix("edits of kind rotate are unknown") == true)
        #expect(try editSum() == 0)
    }

    @Test func trainingStartsAgainWhereItsPipelineBreaks() throws {
        func tasks() -> [FleetTask] {
            (0..<3).map { part in
                let training = TaskBody.Training(
                    steps: [Fake.batches(2, seed: part), Fake.batches(2, seed: part + 9)], firstStep: part * 2,
                    parameters: .all, learningRate: 1)
                return FleetTask(body: .train(training), cost: 1, sequence: 0)
            } + [FleetTask(body: .export, cost: 1, sequence: 0)]
        }
        func results(_ kill: Int?) throws -> [[String: [Float]]] {
            let once = Once(after: kill ?? .max)
            let test = try TestFleet(workers: 3, pipelines: 1, lease: 2) { index, runtime in
                FakeEngine { call, _ in if index == 1, call != "load", once.strike() { runtime?.post(.vanish) } }
            }
            defer { _ = test.close() }
            var model = Fake.model()
            model.preferOnePipeline = true
            try test.fleet.use(model: model)
            // The weights are used by a later run, too.
            return [
                try Fake.run(test.fleet, tasks()), try Fake.run(test.fleet, [FleetTask(body: .export, cost: 1)]),
                try Fake.run(test.fleet, Fake.tasks(2)),
            ]
        }
        let golden = try results(nil)
        for kill in [1, 8, 20, 27, 32] { #expect(try results(kill) == golden, "killed at call \(kill)") }
    }

    /// Whoever has a higher level starts again at the lowest of the first workers', also who comes later.
    @Test func theFleetRunsAtItsLowestLevel() throws {
        let test = try TestFleet(workers: 3, levels: [.avx512BF16, .avx2, .avx512, .amx])
        #expect(test.fleet.level == .avx2)
        test.join(3)
        // Once as it came, once at the fleet's level.
        #expect(test.story.wait(for: .joined, worker: "w3", count: 2))
        try test.fleet.use(model: Fake.model())
        #expect(try Fake.run(test.fleet, Fake.tasks(9)) == FleetTests.golden)
        let ends = test.close()
        #expect(test.lowered == [0: [.avx2], 2: [.avx2], 3: [.avx2]])
        #expect(ends.count == 4 && ends.values.allSatisfy { if case .goodbye = $0 { true } else { false } })
    }

    /// A machine that has only lower levels is told, the others go on.
    @Test func aMachineBelowTheFleetsLevelIsRefused() throws {
        let test = try TestFleet(workers: 3, inOrder: true, awaited: 2, levels: [.avx512, .avx512, .avx2])
        #expect(test.story.wait(for: .joined, worker: "w2"))
        try test.fleet.use(model: Fake.model())
        #expect(try Fake.run(test.fleet, Fake.tasks(9)) == FleetTests.golden)
        #expect(test.close()[2] == .refused("\(Refusal.lowerLevel(fleet: .avx512, worker: .avx2))"))
        #expect(test.lowered.isEmpty)
    }

    /// With `--level` workers above it go down, and those below it have no part.
    @Test func aLevelThatIsAskedForDecides() throws {
        let test = try TestFleet(
            workers: 3, awaited: 2, levels: [.amx, .portable, .avx2],
            settings: TestFleet.Adjustment { $0.level = .avx2 })
        #expect(test.fleet.level == .avx2)
        try test.fleet.use(model: Fake.model())
        #expect(try Fake.run(test.fleet, Fake.tasks(9)) == FleetTests.golden)
        #expect(test.close()[1] == .refused("\(Refusal.lowerLevel(fleet: .avx2, worker: .portable))"))
        #expect(test.lowered == [0: [.avx2]])
    }

    /// Another copy of the model: that worker alone is refused, before any work.
    @Test func aWorkerWithAnotherModelIsLeftOut() throws {
        let test = try TestFleet(workers: 3, pipelines: 3) { index, _ in
            FakeEngine { call, _ in if call == "load", index == 1 { throw UnfitWorker("another model (digest 12…)") } }
        }
        try test.fleet.use(model: Fake.model())
        #expect(try Fake.run(test.fleet, Fake.tasks(9)) == FleetTests.golden)
        #expect(test.close()[1] == .refused("another model (digest 12…)"))
        #expect(test.story.losses == [.unfit("another model (digest 12…)")] && test.story.has(.lost, worker: "w1"))
    }

    @Test func aPortInUseIsSaid() throws {
        let test = try TestFleet(workers: 0, awaited: 0)
        defer { _ = test.close() }
        var settings = FleetSettings(runDirectory: test.folder)
        settings.awaited = 0
        settings.listen = "127.0.0.1:*"
        let first = try Fleet(settings)
        defer { first.shutdown() }
        settings.listen = first.endpoint
        let error = #expect(throws: FleetError.self) { try Fleet(settings) }
        #expect(error?.description.contains("another program listens there") == true)
    }

    @Test func anImpossibleNumberOfPipelinesIsSaid() throws {
        let test = try TestFleet(workers: 2, pipelines: 3)
        defer { _ = test.close() }
        let error = #expect(throws: FleetError.self) { try test.fleet.use(model: Fake.model()) }
        #expect(error?.description.contains("--pipelines 3") == true)
    }
}

final class Log: @unchecked Sendable {
    private let lock = NSLock()
    private var all: [String] = []
    let finished = DispatchSemaphore(value: 0)
    func add(_ line: String) { lock.withLock { all.append(line) } }
    var lines: [String] { lock.withLock { all } }
}
