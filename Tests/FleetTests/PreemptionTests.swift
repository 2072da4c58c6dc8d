import FleetIO
import FleetSupport
import Foundation
import Protocol
import Scheduling
import Tensors
import TestSupport
import Testing

/// Workers that come by a join file over TCP and are sent away by SIGTERM or SIGUSR1 in the middle of a task, as Slurm and
/// Kubernetes do.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct PreemptionTests {
    /// More workers are sent away under one run than a task may have crashes.
    @Test(arguments: [SIGTERM, SIGUSR1])
    func preemptedWorkersCostNothingButTime(signal: Int32) throws {
        let folder = TemporaryFolder()
        let story = Story()
        let join = folder.file("join.json")
        var settings = FleetSettings(runDirectory: folder.file("run"))
        settings.listen = "tcp://127.0.0.1:0"
        settings.joinFile = join
        settings.awaited = 3
        settings.pipelines = 1
        settings.happened = { story.hear($0) }
        func worker() throws -> ChildProcess {
            try ChildProcess(ProcessTests.worker, ["--join-file", join, "--threads", "1", "--memory", "1"])
        }
        // They wait for the file.
        var workers = try [worker(), worker(), worker()]
        let fleet = try Fleet(settings)
        defer { fleet.shutdown() }
        let count = try ProcessTests.layers()
        try fleet.use(
            model: ModelPlan(
                path: ProcessTests.model, layerBytes: [Int](repeating: 1, count: count),
                layerCost: [Double](repeating: 1, count: count)))
        var all: [String: [UInt8]] = [:]
        var left: [ChildProcess] = []
        try fleet.run(ProcessTests.tasks(12), label: "score") { index, results in
            if index < 5 {
                // A spare is there, so that never all are gone at once.
                #expect(story.wait(for: .joined, count: 3 + index))
                left.append(workers.removeFirst())
                workers.append(try worker())
                left.last?.send(signal)
                #expect(left.last?.waitForEnd() == 0)
            }
            for result in results {
                for entry in try result.load().entries { all["\(index)/\(entry.name)"] = Array(entry.buffer.bytes) }
            }
        }
        #expect(try all == ProcessTests.golden.get())
        // The last one may still be on its way.
        #expect(story.wait(for: .joined, count: 8))
        let name = signal == SIGTERM ? "SIGTERM" : "SIGUSR1"
        let asked = LossCause.askedToStop("was asked to stop (\(name))")
        #expect((story.losses + story.left.values).count { $0 == asked } == 5, "\(story.all)")
        fleet.shutdown()
        for worker in workers { #expect(worker.waitForEnd() == 0, "\(worker.output)") }
        #expect(!FileManager.default.fileExists(atPath: join))
    }
}
