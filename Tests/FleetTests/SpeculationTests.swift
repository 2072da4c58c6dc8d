import FleetIO
import FleetSupport
import Foundation
import Protocol
import Scheduling
import Testing
import WorkerIO

/// Late tasks run a second time where somebody idles.
@Suite(.timeLimit(.minutes(2)))
struct SpeculationTests {
    private func seconds(_ workers: [VirtualFleet.Worker], pipelines: Int? = nil, _ tasks: [FleetTask]) -> Double {
        var fleet = VirtualFleet(workers, pipelines: pipelines)
        let seconds = fleet.run(tasks)
        #expect(fleet.committed == Array(0..<tasks.count), "\(String(describing: fleet.failure))")
        return seconds ?? .infinity
    }

    private func worker(_ index: Int, _ speed: Double) -> VirtualFleet.Worker {
        VirtualFleet.Worker("w\(index)", secondsPerBatch: speed)
    }

    /// The gate: a worker ten times as slow makes the run at most 1.5 times as long as it is without it.
    @Test(arguments: [1, 2, 3, 7], [1, 4, 12])
    func aSlowWorkerCostsLittle(fast: Int, batches: Int) {
        let pace = 12.0 / Double(batches)
        for count in [2 * (fast + 1), 5 * fast + 1, 20 * fast + 3] {
            for place in [0, fast] {
                let tasks = VirtualFleet.tasks(count, batches: batches)
                let others = (0..<fast).map { worker($0, pace) }
                var all = others
                all.insert(worker(99, 10 * pace), at: place)
                let (without, with) = (seconds(others, tasks), seconds(all, tasks))
                #expect(
                    with <= 1.5 * without, "\(count) tasks: \(with) s instead of \(without) s, slow one at \(place)")
            }
        }
    }

    /// A slow stage makes its pipeline slow; what waits behind its first task is taken over, too.
    @Test func aSlowStageCostsLittle() {
        for count in [6, 20, 60] {
            let tasks = VirtualFleet.tasks(count, batches: 6)
            let pair = [worker(0, 2), worker(1, 2)]
            let without = seconds(pair, pipelines: 1, tasks)
            for slow in [2, 3] {
                let all = pair + [2, 3].map { worker($0, $0 == slow ? 20 : 2) }
                let with = seconds(all, pipelines: 2, tasks)
                #expect(with <= 1.5 * without, "\(count) tasks: \(with) s instead of \(without) s, slow one \(slow)")
            }
        }
    }

    /// A worker that does nothing any more holds nobody up until its lease is over.
    @Test func aFrozenWorkerIsNotWaitedFor() {
        let tasks = VirtualFleet.tasks(8, batches: 4)
        var frozen = worker(1, 0.25)
        frozen.freezes = 1.5
        let seconds = seconds([worker(0, 0.25), frozen], tasks)
        #expect(seconds < 15, "\(seconds)")
    }

    /// Workers alike run nothing twice, whatever the number of tasks.
    @Test(arguments: [1, 2, 3], [1, 5])
    func equalsRunNothingTwice(pipelines: Int, batches: Int) {
        for count in 1...12 {
            let workers = (0..<pipelines * 2).map { worker($0, 3) }
            var fleet = VirtualFleet(workers, pipelines: pipelines)
            #expect(fleet.run(VirtualFleet.tasks(count, batches: batches)) != nil)
            #expect(!fleet.story.has(.copied), "\(count) tasks: \(fleet.story.all)")
        }
    }

    @Test func theStoryIsTold() {
        var fleet = VirtualFleet([worker(0, 1), worker(1, 50)])
        var remarks: [String] = []
        fleet.at(7) { remarks = $0.remarks }
        #expect(fleet.run(VirtualFleet.tasks(4, batches: 2)) != nil)
        #expect(remarks.contains("task 2 runs a second time on w0: late on w1"), "\(remarks)")
        #expect(fleet.story.fleet.contains(.copied(task: "task 2", workers: ["w0"], late: ["w1"])))
        #expect(fleet.remarks.isEmpty)
    }

    // MARK: Rules

    private func result(_ stage: Int, _ digest: String) -> StageResult {
        StageResult(stage: stage, layers: 0..<1, digest: digest, bundle: .file(""), worker: "w")
    }

    /// Two pipelines, 0 and 1 on the first; the second is done with 2, and does 1 as well.
    private func copying() -> Scheduler {
        var scheduler = Scheduler(tasks: VirtualFleet.tasks(3))
        _ = scheduler.pipelineReady(1, stageCount: 1)
        _ = scheduler.pipelineReady(2, stageCount: 1)
        scheduler.now = 10
        _ = scheduler.result(result(0, "b"), task: 2, pipeline: 2)
        let directives = scheduler.speculate()
        guard case .copy(task: 1, to: 2, from: 1)? = directives.first, directives.count == 1 else {
            Issue.record("\(directives)")
            return scheduler
        }
        #expect(scheduler.running(on: 1) == [0, 1] && scheduler.running(on: 2) == [1])
        #expect(scheduler.speculate().isEmpty)
        return scheduler
    }

    @Test(arguments: [UInt64(1), 2])
    func theFirstThatEndsCounts(winner: UInt64) {
        var scheduler = copying()
        let directives = scheduler.result(result(0, "a"), task: 1, pipeline: winner)
        let aborts = directives.compactMap { if case .abort(let id, let task) = $0 { (id, task) } else { nil } }
        #expect(aborts.count == 1 && aborts[0] == (3 - winner, 1))
        #expect(!scheduler.running(on: 1).contains(1) && scheduler.running(on: 2).isEmpty)
        // The other's late result: the same bytes are dropped, others are an alarm.
        let late = scheduler.result(result(0, "a"), task: 1, pipeline: 3 - winner)
        #expect(late.count == 1)
        #expect(scheduler.late(1, stage: 0, layers: 0..<1, digest: "a").isEmpty)
        guard case .fail(let failure)? = scheduler.late(1, stage: 0, layers: 0..<1, digest: "x").first else {
            Issue.record("no alarm")
            return
        }
        #expect(failure == .notDeterministic(task: 1, stage: 0, digest: "x"))
        #expect(scheduler.result(result(0, "x"), task: 1, pipeline: 3 - winner).count == 2)
    }

    @Test(arguments: [UInt64(1), 2])
    func aPipelineThatIsLostLeavesTheOtherAttempt(lost: UInt64) {
        var scheduler = copying()
        let directives = scheduler.pipelineLost(lost, crash: nil, cause: .idle(pipeline: lost))
        #expect(directives.isEmpty)
        #expect(scheduler.running(on: 3 - lost).contains(1))
        guard case .record(task: 1, _)? = scheduler.result(result(0, "a"), task: 1, pipeline: 3 - lost).first else {
            Issue.record("it was not taken")
            return
        }
    }

    /// Halves of a result: the loser's share is compared, too.
    @Test func sharesThatDifferAreAnAlarm() {
        var scheduler = Scheduler(tasks: VirtualFleet.tasks(3))
        for id in [UInt64(1), 2] { _ = scheduler.pipelineReady(id, stageCount: 2) }
        scheduler.now = 10
        // 0 and 1 on the first, 2 on the second.
        for stage in 0..<2 { _ = scheduler.result(result(stage, "c"), task: 2, pipeline: 2) }
        scheduler.now = 60
        #expect(scheduler.speculate().count == 2)
        _ = scheduler.result(result(0, "a"), task: 0, pipeline: 1)
        _ = scheduler.result(result(0, "A"), task: 0, pipeline: 2)
        let directives = scheduler.result(result(1, "b"), task: 0, pipeline: 2)
        guard case .fail(.notDeterministic(task: 0, _, _))? = directives.last else {
            Issue.record("no alarm")
            return
        }
    }

    @Test func trainingIsNeverCopied() {
        let training = TaskBody.train(.init(steps: [], firstStep: 0, parameters: .all, learningRate: 0))
        for first in [FleetTask(body: training, cost: 1, sequence: 0), FleetTask(body: .export, cost: 1)] {
            var scheduler = Scheduler(tasks: [first] + VirtualFleet.tasks(2))
            _ = scheduler.pipelineReady(1, stageCount: 1)
            _ = scheduler.pipelineReady(2, stageCount: 1)
            #expect(scheduler.running(on: 1).contains(0))
            for second in 1...2 {
                scheduler.now += 1
                for task in scheduler.running(on: 2) {
                    _ = scheduler.result(result(0, "b"), task: task, pipeline: 2)
                }
                #expect(scheduler.doneCount >= 1, "after \(second) s")
            }
            scheduler.now = 10_000
            for case .copy(let task, _, _) in scheduler.speculate() { #expect(task != 0) }
        }
    }

    // MARK: Real workers

    /// The slow one does not move until the run is over: it can only end by the other's second attempt.
    @Test func aRunEndsWithoutItsSlowWorker() throws {
        let isOver = DispatchSemaphore(value: 0)
        let once = FleetFailureTests.Once(after: 1)
        let test = try TestFleet(workers: 2, pipelines: 2, minimumGain: 0) { index, _ in
            FakeEngine { call, _ in
                if index == 1, call == "forward", once.strike() { _ = isOver.wait(timeout: .now() + 60) }
            }
        }
        try test.fleet.use(model: Fake.model())
        #expect(try Fake.run(test.fleet, Fake.tasks(9)) == FleetTests.golden)
        #expect(test.story.has(.copied, worker: "w0"), "\(test.story.all)")
        isOver.signal()
        // What the slow one still brings is no harm, and it works again.
        #expect(try Fake.run(test.fleet, Fake.tasks(9)) == FleetTests.golden)
        for end in test.close().values { #expect(end == .goodbye("the run is over")) }
    }
}
