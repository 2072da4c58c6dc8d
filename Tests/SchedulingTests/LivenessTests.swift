import FleetIO
import FleetSupport
import Foundation
import Protocol
import Scheduling
import Testing

/// Who is given up, and who is not, under a clock of the test's own.
struct LivenessTests {
    static let model = ModelPlan(path: "m", layerBytes: [1, 1], layerCost: [1, 1])

    static func tasks(_ count: Int) -> [FleetTask] {
        (0..<count).map { FleetTask(body: .likelihood(batches: Fake.batches(1, seed: $0)), cost: 1) }
    }

    /// Workers in one pipeline of their own each, loaded and edited, with their epochs.
    private func working(_ count: Int, tasks: Int = 2, settings: FleetSettings? = nil) -> (FleetCore, [UInt64]) {
        var core = FleetCore(policy: (settings ?? FleetSettings(runDirectory: "x")).policy)
        for id in 1...count { _ = core.hello([UInt8(id)], Fake.capabilities("w\(id)"), now: 0) }
        let epochs = epochs(in: core.use(Self.model))
        for (index, epoch) in epochs.enumerated() { ready(&core, index + 1, epoch, now: 0) }
        _ = core.run(Self.tasks(tasks))
        _ = core.tick(now: 0)
        return (core, epochs)
    }

    private func ready(_ core: inout FleetCore, _ id: Int, _ epoch: UInt64, now: Double) {
        _ = core.heard(.assigned(epoch: epoch), from: id, now: now)
        _ = core.heard(.edited(epoch: epoch, edit: core.currentEdit), from: id, now: now)
    }

    private func epochs(in directives: [FleetCore.Directive]) -> [UInt64] {
        directives.compactMap { if case .send(_, .assign(let assignment)) = $0 { assignment.epoch } else { nil } }
    }

    private func occurrences(_ directives: [FleetCore.Directive]) -> [FleetOccurrence] {
        directives.compactMap { if case .happened(let occurrence) = $0 { occurrence } else { nil } }
    }

    /// What people are told; tasks that are handed out are no news.
    private func news(_ directives: [FleetCore.Directive]) -> [FleetOccurrence] {
        occurrences(directives).filter { !$0.description.isEmpty }
    }

    private func failure(_ directives: [FleetCore.Directive]) -> FleetFailure? {
        directives.compactMap { if case .event(.failed(let failure)) = $0 { failure } else { nil } }.first
    }

    private func beat(_ steps: UInt64, busy: Double = 0, moved: UInt64 = 0) -> ToCoordinator {
        var beat = Beat()
        (beat.steps, beat.busySeconds, beat.moved) = (steps, busy, moved)
        return .beat(beat)
    }

    /// The I/O thread beats, the engine does not come back: noticed after `stall`.
    @Test func aStalledEngineIsNoticedThoughItsWorkerBeats() {
        var (core, _) = working(2)
        var lost: Double?
        for second in stride(from: 1.0, to: 2000, by: 1) {
            _ = core.heard(beat(7, busy: second), from: 1, now: second)
            _ = core.heard(beat(UInt64(second)), from: 2, now: second)
            let stalled = FleetOccurrence.lost(worker: "w1", host: "h", .stalled(seconds: Int(second)))
            if occurrences(core.tick(now: second)).contains(stalled) {
                lost = second
                break
            }
        }
        #expect(lost == 1801)
    }

    /// Long steps, results that wait for a slow disk, packets on a slow link: none is dead.
    @Test(arguments: ["computes", "moves bytes", "disk is slow"])
    func whoIsBusyIsNotCalledDead(what: String) {
        var (core, _) = working(2)
        for second in stride(from: 1.0, to: 1700, by: 1) {
            for id in 1...2 {
                let message =
                    switch what {
                    case "computes": beat(7, busy: second)
                    case "moves bytes": beat(7, moved: UInt64(second / 20))
                    default: beat(7)
                    }
                _ = core.heard(message, from: id, now: second)
            }
            #expect(news(core.tick(now: second, diskIsSlow: what == "disk is slow")).isEmpty, "after \(second) s")
        }
    }

    /// Beats alone do not make a pipeline alive: one that has work and does nothing starts again, at no cost to its task.
    @Test func aPipelineThatHasWorkAndDoesNothingStartsAgain() {
        var (core, before) = working(1, tasks: 1)
        #expect(before.count == 1)
        var again: [Double] = []
        for second in stride(from: 1.0, to: 400, by: 1) {
            _ = core.heard(beat(7), from: 1, now: second)
            let directives = core.tick(now: second)
            #expect(failure(directives) == nil)
            if let epoch = epochs(in: directives).first {
                #expect(epoch > before[0])
                again.append(second)
                ready(&core, 1, epoch, now: second)
            }
        }
        #expect(again.count == 3 && again.first == 47, "\(again)")
    }

    @Test func aSilentWorkerIsLostAndItsTaskGoesElsewhere() {
        var (core, _) = working(2)
        var granted: Double?
        for second in stride(from: 1.0, to: 60, by: 1) {
            _ = core.heard(beat(UInt64(second)), from: 2, now: second)
            let directives = core.tick(now: second)
            let silent = FleetOccurrence.lost(worker: "w1", host: "h", .silent(seconds: 31))
            if occurrences(directives).contains(silent) { granted = second }
        }
        #expect(granted == 31)
    }

    /// Silence is free: however often a worker is cut off, its task is not set aside.
    @Test func silenceIsNotHeldAgainstATask() {
        var (core, _) = working(1, tasks: 1)
        var losses = 0
        for second in 1..<800 {
            let now = Double(second)
            if second % 80 == 0 {
                let epoch = epochs(in: core.hello([UInt8(100 + second / 80)], Fake.capabilities("w1"), now: now)).first
                #expect(epoch != nil)
                if let epoch, let id = core.member(of: [UInt8(100 + second / 80)]) { ready(&core, id, epoch, now: now) }
            }
            let directives = core.tick(now: now)
            losses += occurrences(directives).count { $0 == .lost(worker: "w1", host: "h", .silent(seconds: 31)) }
            #expect(failure(directives) == nil, "after \(losses) losses")
        }
        #expect(losses == 10)
    }

    /// Workers that come by themselves may come back; local ones cannot.
    @Test func whereNobodyIsLeftSomebodyIsWaitedForAWhile() {
        var (core, _) = working(1)
        _ = core.lose(1, .connectionClosed)
        let last = InterruptionCause.lost(worker: "w1", .connectionClosed)
        var said: [FleetOccurrence] = []
        var failed: Double?
        for second in stride(from: 1.0, to: 200, by: 1) {
            let directives = core.tick(now: second)
            said += news(directives)
            if failure(directives) == .noWorkerLeft(last: last) { failed = failed ?? second }
        }
        #expect(failed == 62)
        #expect(said == [.deserted(last: last, seconds: 60)])
        var settings = FleetSettings(runDirectory: "x")
        settings.localWorkers = 1
        (core, _) = working(1, settings: settings)
        let killed = InterruptionCause.lost(worker: "w1", .killed(signal: 9))
        #expect(failure(core.lose(1, .killed(signal: 9))) == .noWorkerLeft(last: killed))
    }

    @Test func whoComesBackInTimeGoesOn() {
        var (core, _) = working(1)
        _ = core.lose(1, .connectionClosed)
        _ = core.tick(now: 1)
        let directives = core.hello([9], Fake.capabilities("w1"), now: 30)
        #expect(epochs(in: directives).count == 1)
        let id = core.member(of: [9])!
        ready(&core, id, epochs(in: directives)[0], now: 30)
        for second in stride(from: 31.0, to: 200, by: 1) {
            _ = core.heard(beat(UInt64(second)), from: id, now: second)
            #expect(failure(core.tick(now: second)) == nil)
        }
    }

    /// The coordinator was stopped (a debugger, a paused machine) and goes on: nobody was silent.
    @Test func aCoordinatorThatStoodStillBlamesNobody() {
        var (core, _) = working(2)
        _ = core.tick(now: 1)
        #expect(news(core.tick(now: 500)).isEmpty)
        for second in stride(from: 501.0, to: 520, by: 1) {
            for id in 1...2 { _ = core.heard(beat(UInt64(second)), from: id, now: second) }
            #expect(news(core.tick(now: second)).isEmpty)
        }
    }
}
