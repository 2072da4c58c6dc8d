import Reporting
import Synchronization
import Testing

@Suite struct HashingReportTests {
    private final class Clock: Sendable {
        let time = Mutex(0.0)
        let lines = Mutex<[String]>([])
    }

    private func report(_ clock: Clock) -> HashingReport {
        HashingReport(now: { clock.time.withLock { $0 } }, say: { line in clock.lines.withLock { $0.append(line) } })
    }

    @Test func whatIsQuickIsNotSaid() {
        let clock = Clock()
        let report = report(clock)
        for step in 0...10 {
            clock.time.withLock { $0 = Double(step) * 0.29 }
            report.tell(step * 100_000_000, of: 1_000_000_000, model: "m")
        }
        #expect(clock.lines.withLock { $0 } == [])
    }

    @Test func whatTakesLongIsSaidNowAndThen() {
        let clock = Clock()
        let report = report(clock)
        for second in 0...40 {
            clock.time.withLock { $0 = Double(second) }
            report.tell(second * 1_000_000_000, of: 100_000_000_000, model: "big")
        }
        let lines = clock.lines.withLock { $0 }
        #expect(lines.count == 4)
        #expect(lines.first?.hasPrefix("checking the content of big: 3.0 GB of 100") == true, "\(lines)")
        #expect(lines.first?.contains("1:37 left") == true, "\(lines)")
    }
}
