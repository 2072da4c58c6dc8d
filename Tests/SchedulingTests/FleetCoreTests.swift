import FleetSupport
import Protocol
import Scheduling
import Synchronization
import Testing

/// Membership under a virtual clock: bad hosts and bad tasks, workers that come and go, the end before the time.
@Suite(.timeLimit(.minutes(2)))
struct FleetCoreTests {
    private func worker(_ name: String, host: String? = nil, _ secondsPerBatch: Double = 1) -> VirtualFleet.Worker {
        VirtualFleet.Worker(name, host: host ?? "host of \(name)", secondsPerBatch: secondsPerBatch)
    }

    // MARK: Bad hosts, bad tasks

    /// Its workers die under every task and come back at once: it is set aside, and no task is held to account.
    @Test func aHostOnWhichEverythingFailsIsSetAside() {
        var bad = worker("bad", host: "broken")
        bad.dies = { _ in true }
        bad.comesBack = 0.5
        var fleet = VirtualFleet([worker("good"), bad])
        #expect(fleet.run(VirtualFleet.tasks(12, batches: 2)) != nil, "\(String(describing: fleet.failure))")
        #expect(fleet.committed == Array(0..<12))
        #expect(fleet.story.count(.lost, worker: "bad") == HostRecords.limit)
        guard case .deaths(3, _, last: .connectionClosed)? = fleet.setAside["broken"] else {
            Issue.record("\(fleet.setAside)")
            return
        }
        #expect(fleet.remarks.contains { $0.hasPrefix("host broken is set aside") })
        #expect(fleet.refusals["bad"] == .hostSetAside(host: "broken", fleet.setAside["broken"]!))
        #expect(!fleet.isThere("bad") && fleet.isThere("good"))
    }

    /// The network closes connections again and again, and the processes come back: no task and no host pays for it.
    @Test func brokenConnectionsCondemnNobody() {
        let workers = (0..<3).map { index in
            var worker = worker("far\(index)", host: "far")
            worker.dies = { [breaks = Breaks()] task in task == 3 * index && breaks.next() <= 4 }
            (worker.comesBack, worker.instance) = (0.5, "process \(index)")
            return worker
        }
        var fleet = VirtualFleet([worker("good")] + workers)
        #expect(fleet.run(VirtualFleet.tasks(24, batches: 2)) != nil, "\(String(describing: fleet.failure))")
        #expect(fleet.committed == Array(0..<24))
        #expect(fleet.story.has(.exonerated))
        #expect(workers.allSatisfy { fleet.isThere($0.name) }, "\(fleet.story.all)")
    }

    /// Counts.
    private final class Breaks: Sendable {
        private let count = Mutex(0)
        func next() -> Int {
            count.withLock {
                $0 += 1
                return $0
            }
        }
    }

    @Test func aHostOnWhichWorkersDieLoadingIsSetAside() {
        var bad = worker("bad", host: "broken")
        bad.diesLoading = true
        bad.comesBack = 0.5
        var fleet = VirtualFleet([worker("good"), bad])
        #expect(fleet.run(VirtualFleet.tasks(12, batches: 2)) != nil, "\(String(describing: fleet.failure))")
        #expect(fleet.setAside["broken"] == .deaths(count: 3, tasks: [], last: .connectionClosed))
    }

    /// Several workers share the bad host: those that have not died yet go, too.
    @Test func allWorkersOfABadHostAreSentAway() {
        let bad = (0..<4).map { index in
            var bad = worker("bad\(index)", host: "broken")
            bad.dies = { _ in true }
            return bad
        }
        var fleet = VirtualFleet([worker("good")] + bad)
        #expect(fleet.run(VirtualFleet.tasks(20)) != nil, "\(String(describing: fleet.failure))")
        #expect(fleet.setAside["broken"] != nil && fleet.refusals.count == 1 && fleet.lastWords.isEmpty)
    }

    /// A task that kills whoever takes it is set aside after deaths on two hosts; the hosts stay, and so do other tasks.
    @Test func aPoisonTaskCondemnsNoHost() {
        let workers = ["a", "b"].map { name in
            var worker = worker(name)
            worker.dies = { $0 == 3 }
            worker.comesBack = 0.5
            return worker
        }
        var fleet = VirtualFleet(workers)
        #expect(fleet.run(VirtualFleet.tasks(40)) == nil)
        guard case .deadlyTask("task 3", deaths: 3, workers: ["a on host of a", "b on host of b"], _)? = fleet.failure
        else {
            Issue.record("\(String(describing: fleet.failure))")
            return
        }
        #expect(fleet.setAside.isEmpty)
        // Healthy neighbours went on.
        #expect(fleet.recorded.contains(2) && fleet.recorded.contains(4))
    }

    /// Where there is only one host, there is nothing to avoid.
    @Test func theOnlyHostIsNeverSetAside() {
        var workers = (0..<3).map { worker("w\($0)", host: "h") }
        for index in workers.indices {
            workers[index].dies = { _ in true }
            workers[index].comesBack = 0.5
        }
        var fleet = VirtualFleet(workers)
        #expect(fleet.run(VirtualFleet.tasks(9)) == nil)
        #expect(fleet.failure != nil)
        #expect(fleet.setAside.isEmpty)
    }

    /// A model that is missing on one machine stops that machine alone.
    @Test func aHostWithoutTheModelIsSetAside() {
        var bad = worker("bad", host: "empty")
        bad.failsLoading = true
        var fleet = VirtualFleet([bad, worker("good")])
        #expect(fleet.run(VirtualFleet.tasks(6)) != nil, "\(String(describing: fleet.failure))")
        #expect(fleet.setAside == ["empty": .cannotLoad(worker: "bad", error: "no such file")])
        let alone = VirtualFleet([bad])
        #expect(alone.failure == .cannotLoad(worker: "bad", error: "no such file"))
    }

    // MARK: Coming

    /// Who joins in the middle forms a pipeline as soon as the newcomers hold the model.
    @Test func newcomersFormAPipeline() {
        var fleet = VirtualFleet([worker("a")])
        fleet.at(5) { $0.join(self.worker("b")) }
        #expect(fleet.run(VirtualFleet.tasks(30)) != nil)
        #expect(fleet.placements == [["a"], ["b"]] && fleet.begun["b"]!.count > 5)
        #expect(fleet.story.interruptions.isEmpty)
    }

    @Test func newcomersThatAreTooSmallWaitForEachOther() {
        func small(_ name: String) -> VirtualFleet.Worker {
            var small = worker(name)
            small.memory = 250
            return small
        }
        var fleet = VirtualFleet([worker("a")], memoryEach: 100)
        fleet.at(3) { $0.join(small("b")) }
        fleet.at(9) {
            #expect($0.placements == [["a"]])
            $0.join(small("c"))
        }
        #expect(fleet.run(VirtualFleet.tasks(30)) != nil)
        #expect(fleet.placements == [["a"], ["b", "c"]] && !fleet.begun["c"]!.isEmpty)
        #expect(fleet.story.interruptions.isEmpty)
    }

    /// Two pipelines were asked for, and one worker is left for the next model.
    @Test func aLostWorkerDoesNotMakeTheNextModelImpossible() {
        var fleet = VirtualFleet([worker("a"), worker("b")], pipelines: 2)
        #expect(fleet.run(VirtualFleet.tasks(4)) != nil && fleet.placements == [["a"], ["b"]])
        fleet.kill("b")
        fleet.use()
        #expect(fleet.failure == nil && fleet.run(VirtualFleet.tasks(4)) != nil && fleet.placements == [["a"]])
        let impossible = VirtualFleet([worker("a")], pipelines: 2)
        #expect(impossible.failure == .noPlan("--pipelines 2: with 1 worker choose 1 to 1"))
    }

    // MARK: Going

    /// A drained worker finishes what it has begun, and nothing runs twice.
    @Test func aDrainedWorkerLosesNothing() {
        var fleet = VirtualFleet([worker("a", 5), worker("b", 5)])
        fleet.at(7) {
            $0.drain("b")
            #expect($0.remarks.contains { $0.hasPrefix("b is to leave (was drained) after task ") }, "\($0.remarks)")
        }
        #expect(fleet.run(VirtualFleet.tasks(10)) != nil)
        #expect(fleet.lastWords["b"] == .goodbye(reason: "was drained"))
        #expect(fleet.story.interruptions.isEmpty, "\(fleet.story.all)")
        #expect(fleet.story.fleet.contains(.left(worker: "b", host: "host of b", .drained)))
        // What it had it has brought, and nothing ran twice.
        #expect(fleet.story.count(.granted) == 10)
    }

    /// A spare takes the place of a stage that is drained.
    @Test func aSparesTakesTheDrainedOnesLayers() {
        let workers = ["a", "b", "c"].map { worker($0, 2) }
        var fleet = VirtualFleet(workers, pipelines: 1, layers: 2)
        #expect(fleet.placements == [["a", "b"]])
        fleet.at(5) { $0.drain("a") }
        #expect(fleet.run(VirtualFleet.tasks(12, batches: 2)) != nil)
        #expect(fleet.placements == [["b", "c"]] && fleet.story.interruptions.isEmpty, "\(fleet.placements)")
    }

    @Test func aSpareLeavesAtOnce() {
        var fleet = VirtualFleet(["a", "b", "c"].map { worker($0, 2) }, pipelines: 1, layers: 2)
        fleet.drain("c")
        #expect(fleet.lastWords["c"] == .goodbye(reason: "was drained"))
        fleet.drain("nobody")
        #expect(fleet.story.fleet.last == .unknownWorker("nobody"))
    }

    /// The last one goes when another has come.
    @Test func theLastWorkerStaysUntilAnotherComes() {
        var fleet = VirtualFleet([worker("a")])
        fleet.at(3) { $0.drain("a") }
        fleet.at(6) {
            #expect($0.isThere("a"))
            #expect($0.remarks.contains { $0.hasPrefix("a is to leave (was drained)") })
            $0.join(self.worker("b"))
        }
        #expect(fleet.run(VirtualFleet.tasks(20)) != nil)
        #expect(!fleet.isThere("a") && fleet.placements == [["b"]] && fleet.story.interruptions.isEmpty)
    }

    /// Who was to leave stays if it is the only one left.
    @Test func aLeaverIsKeptWhenTheOthersDie() {
        var fleet = VirtualFleet([worker("a", 5), worker("b", 5)])
        fleet.at(6) { $0.drain("a") }
        fleet.at(7) { $0.kill("b") }
        #expect(fleet.run(VirtualFleet.tasks(8)) != nil, "\(String(describing: fleet.failure))")
        #expect(fleet.isThere("a"))
    }

    /// SIGTERM: what ends within the grace period is taken, the rest goes elsewhere, at once where that is known.
    @Test func aPreemptedWorkerFinishesWhatItCan() {
        var fleet = VirtualFleet([worker("a", 5), worker("b", 5)])
        fleet.at(7) { $0.leave("b", grace: 20) }
        #expect(fleet.run(VirtualFleet.tasks(10)) != nil)
        #expect(fleet.lastWords["b"] == .goodbye(reason: "was asked to stop") && fleet.story.interruptions.isEmpty)

        // Ten batches of 5 s each: it is known by then that this does not end in 20 s.
        var slow = VirtualFleet([worker("a", 5), worker("b", 5)])
        var gone = Double.infinity
        slow.at(57) { $0.leave("b", grace: 20) }
        slow.at(59) { if !$0.isThere("b") { gone = $0.now } }
        #expect(slow.run(VirtualFleet.tasks(10, batches: 10)) != nil)
        #expect(gone < 60 && slow.story.interruptions.count == 2, "\(slow.story.all)")

        // Nothing is known yet: it may try for about as long as it has been at it.
        var unknown = VirtualFleet([worker("a", 50), worker("b", 50)])
        unknown.at(3) { $0.leave("b", grace: 20) }
        unknown.at(10) { #expect($0.isThere("b")) }
        unknown.at(24) { #expect(!$0.isThere("b")) }
        #expect(unknown.run(VirtualFleet.tasks(4)) != nil)
        #expect(unknown.story.interruptions.count >= 2 && unknown.story.has(.lost, worker: "b"))
    }

    /// More workers are sent away under one run than a task may have deaths.
    @Test func preemptionIsNoFailure() {
        var fleet = VirtualFleet([worker("w0", 5), worker("x", 5)])
        for round in 0..<8 {
            fleet.at(Double(4 + 5 * round)) {
                $0.join(self.worker("w\(round + 1)", 5))
                $0.leave("w\(round)", grace: 0)
            }
        }
        #expect(fleet.run(VirtualFleet.tasks(20)) != nil, "\(String(describing: fleet.failure))")
        #expect(fleet.setAside.isEmpty)
    }

    // MARK: The end before its time

    @Test func aStopKeepsWhatEndsInTime() {
        var fleet = VirtualFleet([worker("a", 4), worker("b", 4)])
        fleet.at(6) { $0.stop(within: 7) }
        #expect(fleet.run(VirtualFleet.tasks(20)) == nil && fleet.hasStopped && fleet.failure == nil)
        #expect(fleet.recorded.count == 4 && fleet.now < 9, "\(fleet.recorded) at \(fleet.now)")
        // Nothing begins any more.
        #expect(fleet.run(VirtualFleet.tasks(1)) == nil && fleet.begun.values.joined().allSatisfy { $0 < 20 })
    }

    @Test func aStopWaitsForNothingThatTakesTooLong() {
        var fleet = VirtualFleet([worker("a", 4), worker("b", 4)])
        fleet.at(62) { $0.stop(within: 7) }
        #expect(fleet.run(VirtualFleet.tasks(20, batches: 10)) == nil && fleet.hasStopped)
        #expect(fleet.recorded.count == 2 && fleet.now < 63, "\(fleet.recorded) at \(fleet.now)")

        var unknown = VirtualFleet([worker("a", 100)])
        unknown.at(2) { $0.stop(within: 7) }
        #expect(unknown.run(VirtualFleet.tasks(3)) == nil && unknown.hasStopped)
        #expect((4.0...9.5).contains(unknown.now), "\(unknown.now)")
    }
}
