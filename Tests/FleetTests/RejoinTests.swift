import FleetIO
import FleetSupport
import Foundation
import Journal
import Planning
import Protocol
import Scheduling
import Tensors
import TestSupport
import Testing
import WorkerIO

/// Workers that lose their coordinator, for a moment or for good, and what becomes of the work they hold.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct RejoinTests {
    private static let faultline = ChildProcess.product("faultline")

    /// A study of the tiny model whose blocks take half a second each.
    private struct Work {
        let scratch: TemporaryFolder
        let study: String
        var run: String { scratch.file("run") }
        var join: String { scratch.file("join.json") }

        init() throws {
            scratch = TemporaryFolder()
            let (model, pairs) = try TinyModel.make(in: scratch, pairs: 9000)
            let text = """
                name: rejoin
                model: \(model)
                template: none
                block_examples: 1000
                batch_tokens: 504
                calibration:
                  safety: {pairs: \(pairs)}
                  utility: {pairs: \(pairs), samples: 16}
                conditions:
                  - unedited
                  - set_difference: {p: 10, q: 10}
                """
            study = try scratch.write(Array(text.utf8), "study.yaml")
        }

        /// Waits for its workers at a port that the system chooses, another one each time.
        func coordinator(workers: Int, pipelines: Int) throws -> ChildProcess {
            try ChildProcess(
                RejoinTests.faultline,
                [
                    "study", "run", study, "--run-dir", run, "--no-cache", "--listen", "127.0.0.1:*", "--join-file",
                    join,
                    "--workers", "\(workers)", "--pipelines", "\(pipelines)",
                ])
        }

        func worker() throws -> ChildProcess {
            try ChildProcess(ProcessTests.worker, ["--join-file", join, "--threads", "1", "--memory", "1"])
        }

        func events(_ kind: String, epoch: UInt64) -> [String] {
            ((try? Journal.events(in: run, task: nil)) ?? []).filter { $0.kind == kind && $0.epoch == epoch }.map(
                \.task)
        }

        /// Masks and scores of a run, by file.
        static func files(_ folder: String) throws -> [String: Data] {
            var all: [String: Data] = [:]
            for part in ["scores", "masks"] {
                for name in try FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(part)") {
                    all["\(part)/\(name)"] = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(part)/\(name)"))
                }
            }
            return all
        }

        /// Whether tasks are under way and none was handed out just now, which might not have reached its worker.
        func isSteady(committed count: Int) -> Bool {
            let all = (try? Journal.events(in: run, task: nil)) ?? []
            guard all.count(where: { $0.kind == "committed" }) >= count,
                let last = all.last(where: { $0.kind == "granted" })
            else { return false }
            return Date().timeIntervalSince1970 - last.seconds > 0.2
        }

        private func undisturbed() throws -> [String: Data] {
            let folder = scratch.file("golden")
            let child = try ChildProcess(
                RejoinTests.faultline,
                ["study", "run", study, "--run-dir", folder, "--no-cache", "--workers", "1", "--threads", "1"])
            #expect(child.waitForEnd(seconds: 120) == 0, "\(child.output)")
            return try Self.files(folder)
        }

        /// The same for every test, wherever its files are.
        private static let golden = Result { try Work().undisturbed() }
        func golden() throws -> [String: Data] { try Self.golden.get() }
    }

    /// kill -9 of the coordinator under live workers; the same command, at another port: all are back, and nothing that
    /// was under way or finished is computed again.
    @Test(arguments: [(2, 1), (2, 2), (3, 1)])
    func aCoordinatorStartedAnewTakesOverItsWorkersWork(shape: (workers: Int, pipelines: Int)) throws {
        let work = try Work()
        let golden = try work.golden()
        let workers = try (0..<shape.workers).map { _ in try work.worker() }
        let first = try work.coordinator(workers: shape.workers, pipelines: shape.pipelines)
        #expect(eventually(within: 60) { work.isSteady(committed: shape.workers) }, "\(first.output)")
        first.send(SIGKILL)
        #expect(first.waitForEnd() == -SIGKILL)
        let second = try work.coordinator(workers: shape.workers, pipelines: shape.pipelines)
        #expect(
            eventually(within: 60) { work.events("joined", epoch: 2).count == shape.workers }, "all rejoin within 60 s")
        #expect(second.waitForEnd(seconds: 120) == 0, "\(second.output)")
        for worker in workers { #expect(worker.waitForEnd() == 0, "\(worker.output)") }
        #expect(try Work.files(work.run) == golden)
        let takenOver = Set(work.events("taken over", epoch: 2))
        #expect(!takenOver.isEmpty)
        let again = Set(work.events("granted", epoch: 1)).intersection(work.events("granted", epoch: 2))
        #expect(again.isEmpty, "restarted: \(again); taken over: \(takenOver)")
    }

    /// One of two stages died with the coordinator: the other's work is of no use, and the run is through all the same.
    @Test func aPipelineThatLostAStageStartsItsTasksAgain() throws {
        let work = try Work()
        let golden = try work.golden()
        var workers = try (0..<2).map { _ in try work.worker() }
        let first = try work.coordinator(workers: 2, pipelines: 1)
        #expect(eventually(within: 60) { work.events("committed", epoch: 1).count >= 2 }, "\(first.output)")
        first.send(SIGKILL)
        workers[0].send(SIGKILL)
        _ = (first.waitForEnd(), workers[0].waitForEnd())
        workers[0] = try work.worker()
        let second = try work.coordinator(workers: 2, pipelines: 1)
        #expect(second.waitForEnd(seconds: 120) == 0, "\(second.output)")
        for worker in workers { #expect(worker.waitForEnd() == 0, "\(worker.output)") }
        #expect(try Work.files(work.run) == golden)
    }

    /// Another run's coordinator takes the first one's place: the workers start afresh, though its numbers are lower.
    @Test func workersGoOverToAnotherRun() throws {
        let work = try Work()
        let golden = try work.golden()
        let workers = try (0..<2).map { _ in try work.worker() }
        let first = try work.coordinator(workers: 2, pipelines: 2)
        #expect(eventually(within: 60) { work.events("committed", epoch: 1).count >= 1 }, "\(first.output)")
        first.send(SIGKILL)
        _ = first.waitForEnd()
        try FileManager.default.removeItem(atPath: work.run)
        let second = try work.coordinator(workers: 2, pipelines: 1)
        #expect(second.waitForEnd(seconds: 120) == 0, "\(second.output)")
        for worker in workers { #expect(worker.waitForEnd() == 0, "\(worker.output)") }
        #expect(try Work.files(work.run) == golden)
    }

    // MARK: A connection that breaks

    /// Counts what engines are asked to begin.
    private final class Begun: @unchecked Sendable {
        private let lock = NSLock()
        private var counts: [String: Int] = [:]
        func add(_ name: String) { lock.withLock { counts[name, default: 0] += 1 } }
        var twice: [String] { lock.withLock { counts.filter { $0.value > 1 }.map(\.key) } }
        func count(_ prefix: String) -> Int { lock.withLock { counts.keys.count { $0.hasPrefix(prefix) } } }
    }

    /// Connections break at many points (the busiest of three workers is called at least 16 times); each worker is back
    /// with its work, and no task is begun a second time.
    @Test(arguments: [(1, 1), (2, 1), (3, 3)], [1, 3, 7, 11, 15])
    func aBrokenConnectionCostsNothing(shape: (workers: Int, pipelines: Int), every: Int) throws {
        let begun = Begun()
        let test = try TestFleet(workers: shape.workers, pipelines: shape.pipelines, lease: 60, returning: 60) {
            index, runtime in
            let calls = FleetFailureTests.Once(after: every)
            return FakeEngine(resultFloats: index == 0 ? 200_000 : 8) { call, task in
                if call == "begin" { begun.add("task \(index) \(task)") }
                guard call != "load", calls.strike() else { return }
                begun.add("break \(index)")
                runtime?.post(.reconnect)
            }
        }
        defer { _ = test.close() }
        try test.fleet.use(model: Fake.model())
        let results = try Fake.run(test.fleet, Fake.tasks(9)).mapValues { Array($0.prefix(8)) }
        #expect(results == FleetTests.golden)
        func back() -> Int { test.story.count(.returned) }
        #expect(eventually { back() >= begun.count("break") })
        #expect(back() == begun.count("break") && back() > 0, "\(test.story.all)")
        #expect(!test.story.has(.lost), "\(test.story.all)")
        #expect(begun.twice.isEmpty)
    }

    // MARK: A network that is cut

    /// Engines stand still from the sixth call on, until the gate is opened.
    private final class Gate: @unchecked Sendable {
        let reached = DispatchSemaphore(value: 0)
        private let condition = NSCondition()
        private var calls = 0
        private var isOpen = false

        func pass() {
            condition.withLock {
                calls += 1
                if calls >= 6 { reached.signal() }
                while calls >= 6, !isOpen, condition.wait(until: Date(timeIntervalSinceNow: 60)) {}
            }
        }
        func open() {
            condition.withLock {
                isOpen = true
                condition.broadcast()
            }
        }
    }

    /// Nobody is heard for longer than the lease, then all are: they are taken over with what they hold.
    @Test(arguments: [(1, 1), (2, 2)])
    func aCutAroundTheCoordinatorCostsOnlyTime(shape: (workers: Int, pipelines: Int)) throws {
        let gate = Gate()
        let test = try TestFleet(
            workers: shape.workers, pipelines: shape.pipelines, lease: 2, idle: 20, comeback: 60
        ) { _, _ in
            FakeEngine { call, _ in if call == "forward" { gate.pass() } }
        }
        defer { _ = test.close() }
        try test.fleet.use(model: Fake.model())
        Thread.detachNewThread {
            gate.reached.wait()
            for worker in test.workers { worker.post(.mute) }
            _ = eventually { test.story.fleet.contains { if case .deserted = $0 { true } else { false } } }
            gate.open()
            for worker in test.workers { worker.post(.unmute) }
        }
        #expect(try Fake.run(test.fleet, Fake.tasks(9)) == FleetTests.golden)
        let story = test.story.fleet
        #expect(story.contains { if case .resumed = $0 { true } else { false } }, "\(story)")
        #expect(!story.contains { if case .idle = $0 { true } else { false } }, "\(story)")
    }
}
