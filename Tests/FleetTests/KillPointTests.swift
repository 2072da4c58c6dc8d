import Coordinator
import Foundation
import Protocol
import Tensors
import TestSupport
import Testing

/// Real workers that end as by kill -9 at a named point of their work.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct KillPointTests {
    private final class Story: @unchecked Sendable {
        private let condition = NSCondition()
        private var lines: [String] = []
        private var notes: [(kind: String, task: String, time: Double)] = []

        /// - Returns: how many lines with these words there are by now.
        func add(_ line: String, _ words: String) -> Int {
            condition.withLock {
                lines.append(line)
                return lines.count { $0.contains(words) }
            }
        }
        func note(_ kind: String, _ task: String) {
            condition.withLock { notes.append((kind, task, Double(DispatchTime.now().uptimeNanoseconds) * 1e-9)) }
        }
        var log: [String] { condition.withLock { lines } }
        /// For every task taken from its worker: seconds until it was granted again.
        var regrants: [Double?] {
            condition.withLock {
                notes.indices.filter { notes[$0].kind == "interrupted" }.map { index in
                    notes[index...].first { $0.kind == "granted" && $0.task == notes[index].task }
                        .map { $0.time - notes[index].time }
                }
            }
        }
    }

    /// `transfer` needs results too large for an offer: scripts/check-faults.sh.
    @Test(arguments: ["hello:1", "load:1", "compute:1", "compute:17", "offer:1", "offer:3", "commit:1", "commit:3"])
    func aWorkerKilledThereChangesNoByte(point: String) throws {
        let folder = TemporaryFolder()
        let story = Story()
        let workers = Workers(victim: point)
        var settings = FleetSettings(runDirectory: folder.file("run"))
        let endpoint = "ipc://\(folder.file("c"))"
        settings.listen = endpoint
        settings.awaited = 2
        settings.pipelines = 1
        settings.note = { kind, task, _, _ in story.note(kind, task) }
        // The victim is first, and so never a spare.
        let first = point.hasPrefix("hello") ? 3 : 1
        settings.bound = { _ in for _ in 0..<first { workers.start(endpoint) } }
        settings.log = { line in
            if story.add(line, " joined from ") == 1, line.contains(" joined from "), first == 1 {
                for _ in 0..<2 { workers.start(endpoint) }
            }
        }
        let fleet = try Fleet(settings)
        defer { fleet.shutdown() }
        let count = try ProcessTests.layers()
        try fleet.use(
            model: ModelPlan(
                path: ProcessTests.model, layerBytes: [Int](repeating: 1, count: count),
                layerCost: [Double](repeating: 1, count: count)))
        var all: [String: [UInt8]] = [:]
        try fleet.run(ProcessTests.tasks(12), label: "score") { index, results in
            for result in results {
                for entry in try result.load().entries { all["\(index)/\(entry.name)"] = Array(entry.buffer.bytes) }
            }
        }
        #expect(try all == ProcessTests.golden.get())
        #expect(workers.all[0].waitForEnd() == -SIGKILL, "\(workers.all[0].output)")
        print("killed at \(point): granted again after \(story.regrants.map { $0 ?? -1 }) s")
        #expect(story.regrants.allSatisfy { $0.map { $0 < settings.lease + 5 } ?? true })
        fleet.shutdown()
        for worker in workers.all.dropFirst() { #expect(worker.waitForEnd() == 0, "\(worker.output)") }
    }

    private final class Workers: @unchecked Sendable {
        private let victim: String
        private(set) var all: [ChildProcess] = []
        init(victim: String) { self.victim = victim }

        func start(_ endpoint: String) {
            let environment = all.isEmpty ? ["FAULTLINE_DIE_AT": victim] : [:]
            let arguments = ["--connect", endpoint, "--threads", "1", "--memory", "1"]
            if let worker = try? ChildProcess(ProcessTests.worker, arguments, environment: environment) {
                all.append(worker)
            }
        }
    }
}
