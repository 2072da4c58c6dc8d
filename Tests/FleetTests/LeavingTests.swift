import FleetIO
import FleetSupport
import Foundation
import Protocol
import Scheduling
import Testing
import WorkerIO

/// Workers that come and go while real ones work, over ipc with faked engines.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct LeavingTests {
    /// A fleet whose first worker waits, at its second task, for something to happen to another worker in the middle of
    /// the run.
    private final class Held: @unchecked Sendable {
        private(set) var test: TestFleet!
        private let once = FleetFailureTests.Once(after: 2)

        /// - Parameter act: called before every call of an engine that computes.
        init(
            workers: Int, pipelines: Int?, until kind: OccurrenceKind, of worker: String,
            act: @escaping @Sendable (_ held: Held, _ index: Int, _ call: String) -> Void
        ) throws {
            test = try TestFleet(workers: workers, inOrder: true, pipelines: pipelines) { index, _ in
                FakeEngine { [self] call, _ in
                    act(self, index, call)
                    if index == 0, call == "begin", once.strike() { _ = test.story.wait(for: kind, worker: worker) }
                }
            }
        }

        func run() throws -> [String: [Float]] {
            try test.fleet.use(model: Fake.model())
            return try Fake.run(test.fleet, Fake.tasks(9))
        }
    }

    @Test(arguments: [(2, 2), (3, 3), (4, 2)])
    func aDrainedWorkerLosesNothing(shape: (workers: Int, pipelines: Int)) throws {
        let last = shape.workers - 1
        let once = FleetFailureTests.Once(after: 3)
        let held = try Held(workers: shape.workers, pipelines: shape.pipelines, until: .left, of: "w\(last)") {
            held, index, call in
            if index == last, call == "forward", once.strike() { held.test.fleet.drain(worker: "w\(last)") }
        }
        #expect(try held.run() == FleetTests.golden)
        #expect(held.test.story.left == ["w\(last)": .drained])
        #expect(held.test.close()[last] == .goodbye("was drained"))
        #expect(held.test.story.interruptions.isEmpty, "\(held.test.story.all)")
    }

    /// SIGTERM in the middle of a task: it is finished, and nothing has to be done again.
    @Test func aPreemptedWorkerFinishesItsBlock() throws {
        let once = FleetFailureTests.Once(after: 7)
        let held = try Held(workers: 2, pipelines: 2, until: .left, of: "w1") { held, index, call in
            guard index == 1, call == "forward", once.strike() else { return }
            held.test.workers[1].post(.leave("was asked to stop (test)"))
        }
        #expect(try held.run() == FleetTests.golden)
        #expect(held.test.story.left == ["w1": .askedToStop("was asked to stop (test)")])
        #expect(held.test.close()[1] == .goodbye("was asked to stop (test)"))
        #expect(held.test.story.interruptions.isEmpty, "\(held.test.story.all)")
    }

    /// Asked twice it does not finish what takes long: its task runs elsewhere.
    @Test func askedTwiceAWorkerGoesAtOnce() throws {
        let goes = DispatchSemaphore(value: 0)
        let once = FleetFailureTests.Once(after: 3)
        let held = try Held(workers: 2, pipelines: 2, until: .lost, of: "w1") { held, index, call in
            guard index == 1, call == "forward", once.strike() else { return }
            for _ in 0..<2 { held.test.workers[1].post(.leave("was asked to stop (test)")) }
            _ = goes.wait(timeout: .now() + 60)
        }
        #expect(try held.run() == FleetTests.golden)
        goes.signal()
        #expect(held.test.close()[1] == .goodbye("was asked to stop (test)"))
        #expect(held.test.story.losses == [.askedToStop("was asked to stop (test)")])
    }

    /// Who joins in the middle gets work: the first worker computes nothing until the newcomer has begun a task.
    @Test func aNewcomerWorksAtOnce() throws {
        let hasBegun = DispatchSemaphore(value: 0)
        let joins = FleetFailureTests.Once(after: 1)
        let begins = FleetFailureTests.Once(after: 1)
        let held = try Held(workers: 1, pipelines: nil, until: .joined, of: "w1") { held, index, call in
            if index == 0, call == "begin", joins.strike() { held.test.join(1) }
            if index == 1, call == "begin", begins.strike() { hasBegun.signal() }
            if index == 0, call == "forward", hasBegun.wait(timeout: .now() + 30) == .success { hasBegun.signal() }
        }
        #expect(try held.run() == FleetTests.golden)
        #expect(hasBegun.wait(timeout: .now()) == .success)
        #expect(held.test.close().values.allSatisfy { $0 == .goodbye("the run is over") })
        #expect(held.test.story.interruptions.isEmpty)
    }

    @Test func aStopEndsTheRunAndAllThatFollow() throws {
        let test = try TestFleet(workers: 2, pipelines: 2)
        defer { _ = test.close() }
        try test.fleet.use(model: Fake.model())
        var recorded: Set<Int> = []
        var committed: [Int] = []
        #expect(throws: Stopped.self) {
            try test.fleet.run(Fake.tasks(200), label: "x", recorded: { recorded.formUnion($0.map(\.index)) }) {
                index, _ in
                committed.append(index)
                if index == 1 { test.fleet.stop(within: 5) }
            }
        }
        #expect(committed == Array(0..<committed.count) && Set(committed).isSubset(of: recorded))
        // Not more than may be ahead of the caller.
        #expect((2..<80).contains(recorded.count), "\(recorded.count)")
        #expect(throws: Stopped.self) { try Fake.run(test.fleet, Fake.tasks(1)) }
        #expect(throws: Stopped.self) { try test.fleet.use(model: Fake.model()) }
        #expect(throws: Stopped.self) { try test.fleet.apply(edit: nil, name: "none") }
    }
}
