import Scheduling
import Testing

struct StallDetectorTests {
    @Test func onlyWhoHasWorkAndDoesNothingIsIdle() {
        var watch = StallDetector()
        // Work came at 100 s; what happened before does not count against it.
        #expect(watch.overdue([1: 20], now: 100, limit: 10) == [])
        #expect(watch.overdue([1: 20], now: 110, limit: 10) == [])
        #expect(watch.overdue([1: 20], now: 110.5, limit: 10) == [1])
        // Signs of life, then none; and without work nobody is idle.
        #expect(watch.overdue([2: 115], now: 120, limit: 10) == [])
        #expect(watch.overdue([2: 129], now: 130, limit: 10) == [])
        #expect(watch.overdue([:], now: 160, limit: 10) == [])
        #expect(watch.overdue([2: 129], now: 161, limit: 10) == [])
    }

    @Test func theCoordinatorsOwnWaitIsNobodysIdleness() {
        var watch = StallDetector()
        _ = watch.overdue([1: 0], now: 0, limit: 10)
        #expect(watch.overdue([1: 0], now: 50, limit: 10, isWaiting: true) == [])
        #expect(watch.overdue([1: 0], now: 60, limit: 10) == [])
        #expect(watch.overdue([1: 0], now: 61, limit: 10) == [1])
    }

    @Test func patienceGrowsWhereStartingAgainDoesNotHelp() {
        var watch = StallDetector()
        var now = 0.0
        var waits: [Double] = []
        for epoch in UInt64(1)...6 {
            let start = now
            while watch.overdue([epoch: 0], now: now, limit: 10).isEmpty { now += 1 }
            waits.append(now - start)
        }
        #expect(waits == [11, 21, 41, 81, 81, 81])
        watch.finished()
        #expect(watch.overdue([9: 0], now: 1000, limit: 10) == [])
        #expect(watch.overdue([9: 0], now: 1011, limit: 10) == [9])
    }
}
