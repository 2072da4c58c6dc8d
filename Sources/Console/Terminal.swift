package import FleetIO
package import Logging
package import Reporting
import Synchronization
import Tensors

#if canImport(Glibc)
    import Glibc
#endif

/// The standard streams of `faultline`: nothing else writes to them (`SourceRulesTests`), and nothing passes that a
/// terminal would obey (`VisibleText`).
package enum Terminal {
    /// Text in lines that this program has composed; what it holds from outside went through `VisibleText.line`.
    package static func out(_ text: String) { write(VisibleText.lines(text), to: 1) }

    /// One line on standard output.
    package static func say(_ line: String) { write(VisibleText.line(line) + "\n", to: 1) }

    /// A table.
    package static func out(_ table: Table) { out(table.text(unicode: isUnicode)) }

    /// JSON on standard output, a line.
    package static func json(_ text: String) { write(VisibleText.json(text) + "\n", to: 1) }

    /// What happens: on standard error, for people or as JSON, and in the run's log where there is one.
    package static let log = logger(introduction: "")

    /// The same, for what this program has to say of itself: its errors, its warnings.
    package static let own = logger(introduction: "faultline: ")

    /// - Parameter introduction: what lines for people begin with.
    private static func logger(introduction: String) -> Logger {
        Logger(label: "faultline") { _ in LineLogHandler(now: { seconds }) { tell($0, introduction) } }
    }

    private static func tell(_ entry: LineLogHandler.Entry, _ introduction: String) {
        let (format, log) = settings.withLock { ($0.format, $0.log) }
        var line = entry.line
        if line.epoch == 0 { line.epoch = log?.epoch ?? 0 }
        log?.keep(line)
        switch format {
        case .json: write("\(line.json)\n", to: 2)
        case .text where entry.text.isEmpty: break
        case .text: write(VisibleText.line(introduction + entry.introduced) + "\n", to: 2)
        }
    }

    private struct Settings {
        var format = LogFormat.text
        var log: RunLog?
    }

    private static let settings = Mutex(Settings())

    /// How standard error is written; set once, before the first command.
    package static var format: LogFormat {
        get { settings.withLock { $0.format } }
        set { settings.withLock { $0.format = newValue } }
    }

    /// Has all that is logged from now on kept in a run's log, too.
    package static func keep(in log: RunLog) { settings.withLock { $0.log = log } }

    /// Before the program ends: what is kept is on disk.
    package static func flush() { settings.withLock { $0.log }?.flush() }

    private static var seconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    private static func write(_ text: String, to descriptor: Int32) {
        var text = text
        text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while rest.count > 0 {
                let count = Glibc.write(descriptor, rest.baseAddress!, rest.count)
                if count < 0, errno == EINTR { continue }
                // A closed pipe is the reader's choice.
                guard count > 0 else { return }
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            }
        }
    }

    /// Whether progress may redraw its line.
    package static var isInteractive: Bool {
        format == .text && isatty(2) == 1 && getenv("TERM").map { String(cString: $0) != "dumb" } ?? false
    }

    /// Whether text beyond ASCII will show.
    package static var isUnicode: Bool {
        for name in ["LC_ALL", "LC_CTYPE", "LANG"] {
            guard let value = getenv(name).map({ String(cString: $0) }), !value.isEmpty else { continue }
            return value.lowercased().contains("utf")
        }
        return false
    }

    /// Progress on standard error, for the runner. Its own control characters are all that reaches a terminal.
    package static func progress() -> ProgressLine {
        ProgressLine(
            isTerminal: isInteractive, now: { MonotonicClock.now },
            write: { text in
                guard format == .json else { return write(text, to: 2) }
                let words = text.split(separator: "\n").joined(separator: " ")
                let line = LogLine(seconds: seconds, level: .debug, event: "progress", message: words)
                write("\(line.json)\n", to: 2)
            })
    }
}
