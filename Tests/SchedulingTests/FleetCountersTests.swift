import Scheduling
import Testing

@Suite struct FleetCountersTests {
    @Test func batchesAreCountedOnceThroughBeatsAndTheEnd() {
        var tally = FleetCounters()
        tally.joined(1, now: 0)
        tally.beat(1, retired: [7: 3], steps: 3, now: 1)
        tally.beat(1, retired: [7: 5, 8: 1], steps: 6, now: 2)
        #expect(tally.batches(of: 1) == 6 && tally.counts.batches == 6 && tally.lastProgress == 2)
        // The last ones no beat told of.
        tally.finished(1, task: 7, batches: 9, now: 3)
        tally.finished(1, task: 8, batches: nil, now: 3)
        #expect(tally.batches(of: 1) == 10)
        tally.beat(1, retired: [:], steps: 6, now: 4)
        #expect(tally.batches(of: 1) == 10 && !tally.isMoving(1) && tally.lastProgress == 3)
        // The same task again, from its beginning.
        tally.beat(1, retired: [8: 0], steps: 6, now: 5)
        tally.beat(1, retired: [8: 2], steps: 8, now: 6)
        #expect(tally.batches(of: 1) == 12 && tally.isMoving(1))
    }

    @Test func ratesAreOfTheLastHalfMinute() {
        var tally = FleetCounters()
        tally.joined(1, now: 0)
        #expect(tally.rate(of: 1, now: 0) == 0)
        for second in 1...100 { tally.beat(1, retired: [1: 4 * second], steps: UInt64(second), now: Double(second)) }
        #expect(abs(tally.rate(of: 1, now: 100) - 4) < 1e-9)
        // It stands still: the rate goes down, also without a beat.
        #expect(tally.rate(of: 1, now: 130) < 2.1)
        for second in 101...160 { tally.beat(1, retired: [1: 400], steps: 100, now: Double(second)) }
        #expect(tally.rate(of: 1, now: 160) == 0)
        #expect(tally.rate(of: 2, now: 160) == 0)
    }

    @Test func lossesAreCountedByCause() {
        var tally = FleetCounters()
        for worker in 1...4 { tally.joined(worker, now: 0) }
        tally.lost(1, LossCause.killed(signal: 9).label, interrupted: 2)
        tally.lost(2, LossCause.silent(seconds: 31).label, interrupted: 0)
        tally.lost(3, LossCause.askedToStop("was asked to stop (SIGTERM)").label, interrupted: 1)
        tally.lost(4, LossCause.exited(code: 1).label, interrupted: 1)
        #expect(tally.counts.lost == ["killed": 1, "silent": 1, "asked_to_stop": 1, "crashed": 1])
        #expect(tally.counts.retries == ["killed": 2, "asked_to_stop": 1, "crashed": 1] && tally.counts.joined == 4)
        #expect(tally.batches(of: 1) == 0)
    }
}
