import FleetIO
import FleetSupport
import Foundation
import Protocol
import Scheduling
import Tensors
import TestSupport
import Testing

/// Real workers that end as by kill -9 at a named point of their work.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct KillPointTests {
    /// Tasks that were taken from their worker and not granted again.
    private static func orphans(_ story: Story) -> [String] {
        let all = story.all
        return all.indices.filter { all[$0].kind == .interrupted }.map { index in (index, all[index].task) }
            .filter { index, task in !all[index...].contains { $0.kind == .granted && $0.task == task } }.map(\.1)
    }

    /// `transfer` needs results too large for an offer: scripts/check/faults.sh.
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
        // The victim is first, and so never a spare.
        let first = point.hasPrefix("hello") ? 3 : 1
        settings.bound = { _ in for _ in 0..<first { workers.start(endpoint) } }
        settings.happened = { occurrence in
            story.hear(occurrence)
            if occurrence.kind == .joined, story.count(.joined) == 1, first == 1 {
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
        #expect(Self.orphans(story).isEmpty)
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
