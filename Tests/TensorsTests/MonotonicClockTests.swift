import Synchronization
import Tensors
import Testing

@Suite(.timeLimit(.minutes(1))) struct MonotonicClockTests {
    @Test func timePassesAndSleepLastsAsLongAsAsked() {
        let start = MonotonicClock.now
        MonotonicClock.sleep(seconds: 0.02)
        #expect(MonotonicClock.now - start >= 0.02)
        MonotonicClock.sleep(seconds: -1)
    }

    @Test(arguments: [-1.0, 0, 0.02]) func aWaitEndsAtItsMoment(seconds: Double) {
        let condition = MonotonicCondition()
        let deadline = MonotonicClock.now + seconds
        condition.withLock { while condition.wait(until: deadline) {} }
        #expect(MonotonicClock.now >= deadline)
    }

    /// A wait by the wall clock for a moment of the monotonic one, which is in 1970 for it, would return at once.
    @Test func aWaitIsEndedByWhoeverWakesIt() async {
        let condition = MonotonicCondition()
        let flag = Flag()
        let waiter = Task.detached {
            condition.withLock {
                while !flag.isDone.withLock({ $0 }) {
                    if !condition.wait(until: MonotonicClock.now + 30) { return false }
                }
                return true
            }
        }
        condition.withLock { flag.isDone.withLock { $0 = true } }
        condition.broadcast()
        #expect(await waiter.value)
    }

    private final class Flag: Sendable {
        let isDone = Mutex(false)
    }
}
