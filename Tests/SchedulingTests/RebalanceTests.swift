import FleetSupport
import Scheduling
import Testing

/// Slow stages of the only pipeline: no other can help out.
@Suite(.timeLimit(.minutes(2)))
struct RebalanceTests {
    private func worker(_ index: Int, _ speed: Double) -> VirtualFleet.Worker {
        VirtualFleet.Worker("w\(index)", host: "host \(index)", secondsPerBatch: speed)
    }

    /// The gate again: ten times as slow, at most 1.5 times as long as without it.
    @Test(arguments: [4, 30], [0, 1, 2])
    func aSlowStageGetsWhatItCanDo(layers: Int, slow: Int) {
        let tasks = VirtualFleet.tasks(60, batches: 6)
        var fast = VirtualFleet([worker(0, 2), worker(1, 2)], pipelines: 1, layers: layers)
        let without = fast.run(tasks) ?? .infinity
        #expect(!fast.story.has(.slow))
        var workers = [worker(0, 2), worker(1, 2)]
        workers.insert(worker(9, 20), at: slow)
        var fleet = VirtualFleet(workers, pipelines: 1, layers: layers)
        let with = fleet.run(tasks) ?? .infinity
        #expect(with <= 1.5 * without, "\(with) s instead of \(without) s: \(fleet.story.all)")
        #expect(fleet.story.count(.slow, worker: "w9") == 1)
        #expect(fleet.committed == Array(0..<60))
    }

    /// Those alike stay as they are, and so do those that differ little.
    @Test func smallDifferencesAreLeftAlone() {
        var fleet = VirtualFleet([worker(0, 2), worker(1, 3), worker(2, 2.5)], pipelines: 1, layers: 12)
        #expect(fleet.run(VirtualFleet.tasks(60, batches: 6)) != nil)
        #expect(!fleet.story.has(.slow) && !fleet.story.has(.interrupted))
    }

    /// A worker that is known to be slow is left out where even one layer is too much for it, and is a spare then.
    @Test func thePlanKnowsSpeeds() throws {
        func plan(_ speeds: [Double?], layers: Int) throws -> Plan {
            let workers = speeds.enumerated().map {
                Plan.Worker(id: $0, threads: 1, memoryBytes: 1 << 40, measured: $1)
            }
            return try Plan.make(workers: workers, model: Fake.model(layers: layers), pipelines: 1)
        }
        #expect(try plan([2, 1], layers: 6).pipelines[0].map(\.layers) == [0..<4, 4..<6])
        let few = try plan([1, 0.1, 1], layers: 4)
        #expect(few.pipelines[0].map(\.worker) == [0, 2] && few.spares == [1] && few.seconds == 2)
        let many = try plan([1, 0.1, 1], layers: 42)
        #expect(many.pipelines[0].map(\.layers.count) == [20, 2, 20] && many.spares.isEmpty)
        // Threads alone leave nobody out.
        #expect(try plan([nil, nil], layers: 2).pipelines[0].count == 2)
    }
}
