import Protocol
import Scheduling
import Tensors
import Testing

struct SchedulerTests {
    func result(_ stage: Int, _ digest: String = "d", layers: Range<Int> = 0..<1) -> StageResult {
        StageResult(stage: stage, layers: layers, digest: digest, bundle: .memory(TensorBundle()), worker: "w")
    }

    func words(_ directives: [Scheduler.Directive]) -> [String] {
        directives.compactMap {
            switch $0 {
            case .record: nil
            case .copy(let task, let to, _): "copy \(task) to \(to)"
            case .abort(let pipeline, let task): "abort \(task) on \(pipeline)"
            case .grant(let pipeline, let task): "grant \(task) to \(pipeline)"
            case .commit(let task, let results): "commit \(task) of \(results.map(\.stage))"
            case .discard: "discard"
            case .finished: "finished"
            case .fail(.deadlyTask(let task, _, _, _)): "deadly \(task)"
            case .fail(.notDeterministic(let task, _, _)): "other bytes of \(task)"
            case .fail(let failure): "fail \(failure)"
            }
        }
    }

    let lost = InterruptionCause.lost(worker: "w", .connectionClosed)

    func crash(_ worker: Int, host: String = "h") -> Scheduler.Crash { .init(worker: "w\(worker)", host: host) }

    func score(_ count: Int) -> [FleetTask] {
        (0..<count).map { _ in FleetTask(body: .score(statistics: [], batches: []), cost: 1) }
    }

    @Test func tasksAreGrantedInOrderAndBounded() {
        var scheduler = Scheduler(tasks: score(5))
        #expect(words(scheduler.pipelineReady(1, stageCount: 2)) == ["grant 0 to 1", "grant 1 to 1"])
        #expect(words(scheduler.pipelineReady(2, stageCount: 2)) == ["grant 2 to 2", "grant 3 to 2"])
        #expect(words(scheduler.result(result(1), task: 0, pipeline: 1)) == [])
        #expect(words(scheduler.result(result(0), task: 0, pipeline: 1)) == ["commit 0 of [0, 1]", "grant 4 to 1"])
    }

    @Test func commitsAreInIndexOrderWhateverArrives() {
        for order in permutations([0, 1, 2, 3]) {
            var scheduler = Scheduler(tasks: score(4))
            for pipeline in 1...4 { _ = scheduler.pipelineReady(UInt64(pipeline), stageCount: 1) }
            var owner: [Int: UInt64] = [:]
            for pipeline in 1...4 {
                for task in scheduler.running(on: UInt64(pipeline)) { owner[task] = UInt64(pipeline) }
            }
            var seen: [String] = []
            var pending = order
            while let task = pending.first(where: { owner[$0] != nil }) {
                pending.removeAll { $0 == task }
                for directive in scheduler.result(result(0), task: task, pipeline: owner[task]!) {
                    if case .grant(let pipeline, let task) = directive {
                        owner[task] = pipeline
                    } else {
                        seen += words([directive])
                    }
                }
            }
            #expect(seen == ["commit 0 of [0]", "commit 1 of [0]", "commit 2 of [0]", "commit 3 of [0]", "finished"])
        }
    }

    private func permutations(_ items: [Int]) -> [[Int]] {
        items.isEmpty
            ? [[]] : items.flatMap { first in permutations(items.filter { $0 != first }).map { [first] + $0 } }
    }

    @Test func aLostPipelineGivesItsTasksBack() {
        var scheduler = Scheduler(tasks: score(4))
        _ = scheduler.pipelineReady(1, stageCount: 2)
        _ = scheduler.pipelineReady(2, stageCount: 1)
        _ = scheduler.result(result(0), task: 0, pipeline: 1)
        let directives = words(scheduler.pipelineLost(1, crash: crash(1), cause: lost))
        #expect(directives.first == "discard")
        #expect(directives.allSatisfy { $0 == "discard" || $0.hasPrefix("grant") })
        // What comes late from the lost pipeline is dropped.
        #expect(words(scheduler.result(result(1), task: 0, pipeline: 1)) == ["discard"])
        var commits: [String] = []
        while let task = scheduler.running(on: 2).first {
            commits += words(scheduler.result(result(0), task: task, pipeline: 2)).filter { !$0.hasPrefix("grant") }
        }
        #expect(commits.last == "finished" && commits.count == 5)
    }

    @Test func threeDeathsSetATaskAside() {
        var scheduler = Scheduler(tasks: score(2))
        for attempt in 1...3 {
            _ = scheduler.pipelineReady(UInt64(attempt), stageCount: 2)
            let directives = words(scheduler.pipelineLost(UInt64(attempt), crash: crash(attempt), cause: lost))
            #expect(directives.contains { $0 == "deadly task 0" } == (attempt == 3))
        }
        var patient = Scheduler(tasks: score(2))
        for attempt in 1...9 {
            _ = patient.pipelineReady(UInt64(attempt), stageCount: 2)
            #expect(words(patient.pipelineLost(UInt64(attempt), crash: nil, cause: lost)).isEmpty)
        }
    }

    /// Three deaths of one and the same worker prove nothing against a task, where there is another to try it.
    @Test func twoWorkersHaveToDieIfThereAreTwo() {
        var scheduler = Scheduler(tasks: score(1))
        for attempt in 1...3 {
            _ = scheduler.pipelineReady(UInt64(attempt), stageCount: 1)
            #expect(
                scheduler.pipelineLost(UInt64(attempt), crash: crash(1), cause: lost, workers: ["w1", "w2"]).isEmpty)
        }
        var alone = scheduler
        _ = alone.pipelineReady(4, stageCount: 1)
        #expect(!alone.pipelineLost(4, crash: crash(1), cause: lost, workers: ["w1"]).isEmpty)
        _ = scheduler.pipelineReady(4, stageCount: 1)
        let directives = words(scheduler.pipelineLost(4, crash: crash(2), cause: lost, workers: ["w1", "w2"]))
        #expect(directives.first == "deadly task 0")
    }

    @Test func aTaskGoesToAnotherHostAfterADeathIfThereIsOne() {
        var scheduler = Scheduler(tasks: score(4))
        _ = scheduler.pipelineReady(1, stageCount: 1, hosts: ["a"])
        _ = scheduler.pipelineReady(2, stageCount: 1, hosts: ["b"])
        #expect(scheduler.running(on: 1) == [0, 1] && scheduler.running(on: 2) == [2])
        #expect(words(scheduler.pipelineLost(1, crash: crash(1, host: "a"), cause: lost)) == ["grant 0 to 2"])
        #expect(words(scheduler.pipelineReady(3, stageCount: 1, hosts: ["a"])) == ["grant 3 to 3"])
        #expect(words(scheduler.result(result(0), task: 3, pipeline: 3)) == [])
        #expect(words(scheduler.result(result(0), task: 2, pipeline: 2)) == [])
        #expect(words(scheduler.result(result(0), task: 0, pipeline: 2)) == ["commit 0 of [0]", "grant 1 to 2"])
        // Where there is no other, anybody will do; and a host that turns out to be bad takes the blame along.
        #expect(words(scheduler.pipelineLost(2, crash: nil, cause: lost)) == ["grant 1 to 3"])
        for attempt in 4...9 {
            _ = scheduler.pipelineLost(UInt64(attempt - 1), crash: crash(attempt, host: "a"), cause: lost)
            scheduler.exonerate(host: "a")
            let directives = words(scheduler.pipelineReady(UInt64(attempt), stageCount: 1, hosts: ["a"]))
            #expect(directives == ["grant 1 to \(attempt)"])
        }
    }

    /// Of two tasks that were there when workers died, each runs alone until it is known which it was.
    @Test func aPoisonTasksNeighbourIsCleared() {
        var scheduler = Scheduler(tasks: score(2))
        for attempt in 1...2 {
            #expect(words(scheduler.pipelineReady(UInt64(attempt), stageCount: 2)).count == 2)
            #expect(scheduler.pipelineLost(UInt64(attempt), crash: crash(attempt), cause: lost).isEmpty)
        }
        #expect(words(scheduler.pipelineReady(3, stageCount: 2)) == ["grant 0 to 3"])
        for stage in 0..<2 { _ = scheduler.result(result(stage), task: 0, pipeline: 3) }
        #expect(scheduler.running(on: 3) == [1])
        guard case .fail(let failure)? = scheduler.pipelineLost(3, crash: crash(3), cause: lost).last else {
            Issue.record("it was not set aside")
            return
        }
        #expect(failure == .deadlyTask("task 1", deaths: 3, workers: ["w1 on h", "w2 on h", "w3 on h"], last: lost))
    }

    @Test func aClosedPipelineFinishesAndTakesNothingNew() {
        var scheduler = Scheduler(tasks: score(6))
        _ = scheduler.pipelineReady(1, stageCount: 2)
        _ = scheduler.pipelineReady(2, stageCount: 2)
        // 0 and 1 on the first, 2 and 3 on the second; 1 has not begun.
        #expect(words(scheduler.close(1, forGood: false)) == [])
        _ = scheduler.result(result(0), task: 0, pipeline: 1)
        #expect(words(scheduler.result(result(1), task: 0, pipeline: 1)) == ["commit 0 of [0, 1]"])
        #expect(scheduler.running(on: 1) == [1])
        #expect(words(scheduler.reopen(1)) == ["grant 4 to 1"])
        #expect(words(scheduler.close(1, forGood: true)) == ["abort 4 on 1"])
        #expect(words(scheduler.reopen(1)) == [])
        #expect(words(scheduler.stop()) == ["abort 3 on 2"])
        #expect(scheduler.running(on: 1) == [1] && scheduler.running(on: 2) == [2])
    }

    @Test func finishedTasksAreRecordedAtOnceAndCommittedInOrder() {
        var scheduler = Scheduler(tasks: score(2))
        _ = scheduler.pipelineReady(1, stageCount: 1)
        _ = scheduler.pipelineReady(2, stageCount: 1)
        func recorded(_ directives: [Scheduler.Directive]) -> [Int] {
            directives.compactMap { if case .record(let task, _) = $0 { task } else { nil } }
        }
        let first = scheduler.result(result(0), task: 1, pipeline: 2)
        #expect(recorded(first) == [1] && words(first) == [])
        let second = scheduler.result(result(0), task: 0, pipeline: 1)
        #expect(recorded(second) == [0] && words(second) == ["commit 0 of [0]", "commit 1 of [0]", "finished"])
    }

    @Test func otherBytesForTheSameStageAreAnAlarm() {
        var scheduler = Scheduler(tasks: score(1))
        _ = scheduler.pipelineReady(1, stageCount: 2)
        _ = scheduler.result(result(0, "a"), task: 0, pipeline: 1)
        #expect(words(scheduler.result(result(0, "a"), task: 0, pipeline: 1)) == [])
        #expect(words(scheduler.result(result(0, "b"), task: 0, pipeline: 1)) == ["other bytes of 0"])
    }

    @Test func aSequenceRunsInOnePlaceInOrderAndAgainFromItsStart() {
        let training = TaskBody.train(.init(steps: [], firstStep: 0, parameters: .all, learningRate: 0))
        var scheduler = Scheduler(tasks: (0..<3).map { _ in FleetTask(body: training, cost: 1, sequence: 0) })
        #expect(words(scheduler.pipelineReady(1, stageCount: 1)) == ["grant 0 to 1"])
        #expect(words(scheduler.pipelineReady(2, stageCount: 1)) == [])
        #expect(words(scheduler.result(result(0, "a"), task: 0, pipeline: 1)) == ["commit 0 of [0]", "grant 1 to 1"])
        #expect(words(scheduler.pipelineLost(1, crash: crash(1), cause: lost)) == ["grant 0 to 2"])
        // Not delivered twice; other bytes are an alarm.
        var broken = scheduler
        #expect(words(broken.result(result(0, "b"), task: 0, pipeline: 2)).contains("other bytes of 0"))
        #expect(words(scheduler.result(result(0, "a"), task: 0, pipeline: 2)) == ["discard", "grant 1 to 2"])
        #expect(words(scheduler.result(result(0, "c"), task: 1, pipeline: 2)) == ["commit 1 of [0]", "grant 2 to 2"])
        #expect(words(scheduler.result(result(0, "e"), task: 2, pipeline: 2)) == ["commit 2 of [0]", "finished"])
    }

    @Test func aCallerThatIsSlowHoldsTheGrants() {
        var scheduler = Scheduler(tasks: score(10), lookahead: 2)
        _ = scheduler.pipelineReady(1, stageCount: 3)
        #expect(scheduler.running(on: 1) == [0, 1])
        for task in 0..<2 { for stage in 0..<3 { _ = scheduler.result(result(stage), task: task, pipeline: 1) } }
        #expect(scheduler.running(on: 1) == [])
        #expect(words(scheduler.acknowledge(through: 0)) == ["grant 2 to 1"])
    }

    @Test func nothingToDoIsFinished() {
        var scheduler = Scheduler(tasks: [])
        #expect(words(scheduler.start()) == ["finished"])
    }

    /// A pipeline of an earlier life goes on with what is still to be done; others get the rest.
    @Test func anAdoptedPipelineGoesOnWithItsTasks() {
        var tasks = score(4)
        for index in tasks.indices { tasks[index].content = index == 3 ? "c1" : "c\(index)" }
        var scheduler = Scheduler(tasks: tasks)
        #expect(scheduler.waiting(content: "c1", except: []) == 1)
        #expect(scheduler.waiting(content: "c1", except: [1]) == 3)
        #expect(scheduler.waiting(content: "c9", except: []) == nil)
        #expect(scheduler.waiting(content: "", except: []) == nil)
        scheduler.resume(7, stageCount: 2, running: [1, 2])
        #expect(scheduler.waiting(content: "c2", except: []) == nil)
        #expect(words(scheduler.pipelineReady(7, stageCount: 2)) == [])
        #expect(words(scheduler.pipelineReady(8, stageCount: 1)) == ["grant 0 to 8"])
        _ = scheduler.result(result(0), task: 1, pipeline: 7)
        #expect(!scheduler.wants(1, stage: 0, from: 7) && scheduler.wants(1, stage: 1, from: 7))
        let done = scheduler.result(result(1), task: 1, pipeline: 7)
        #expect(done.contains { if case .record(1, let results) = $0 { results.count == 2 } else { false } })
        #expect(words(done) == ["grant 3 to 7"])
        #expect(words(scheduler.result(result(0), task: 0, pipeline: 8)) == ["commit 0 of [0]", "commit 1 of [0, 1]"])
    }
}
