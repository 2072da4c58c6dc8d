import Reporting
import Synchronization
import Testing

@Suite struct ProgressLineTests {
    /// A clock that is set by hand, and what was written.
    private final class Screen: Sendable {
        let time = Mutex(0.0)
        let text = Mutex("")
        func line(terminal: Bool) -> ProgressLine {
            ProgressLine(
                isTerminal: terminal, now: { self.time.withLock { $0 } },
                write: { piece in self.text.withLock { $0 += piece } })
        }
        func set(_ seconds: Double) { time.withLock { $0 = seconds } }
        var written: String { text.withLock { $0 } }
    }

    @Test func terminalRedrawsOneLine() {
        let screen = Screen()
        let line = screen.line(terminal: true)
        line.begin("scoring", total: 4, unit: "blocks")
        screen.set(2)
        line.update(1)
        screen.set(2.01)
        line.update(2)
        screen.set(8)
        line.update(4)
        line.end()
        let parts = screen.written.split(separator: "\r\u{1B}[K").map(String.init)
        #expect(parts[1] == "scoring [#####...............] 1/4 blocks, 0.50/s, 0:06 left")
        // The second update came too soon to be drawn.
        #expect(!screen.written.contains("2/4"))
        #expect(parts.last == "scoring [####################] 4/4 blocks, 0.50/s, took 0:08\n")
    }

    @Test func elsewherePlainLinesSeldom() {
        let screen = Screen()
        let line = screen.line(terminal: false)
        line.begin("scoring", total: 100, unit: "blocks")
        for second in 1...25 {
            screen.set(Double(second))
            line.update(second * 2)
        }
        for second in [45, 46, 50] {
            screen.set(Double(second))
            line.update(100)
        }
        line.end()
        line.end()
        // The last line is written once, with the time the step took.
        #expect(
            screen.written == """
                scoring 0/100 blocks
                scoring 20/100 blocks, 2.00/s, 0:40 left
                scoring 40/100 blocks, 2.00/s, 0:30 left
                scoring 100/100 blocks, 2.00/s, took 0:50

                """)
    }
}
