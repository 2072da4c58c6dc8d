package import Reporting

#if canImport(Glibc)
    import Glibc
#endif

/// The standard streams.
package enum Terminal {
    package static func out(_ text: String) { write(text, to: 1) }
    package static func err(_ text: String) { write(text, to: 2) }

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
        isatty(2) == 1 && getenv("TERM").map { String(cString: $0) != "dumb" } ?? false
    }

    /// Whether text beyond ASCII will show.
    package static var isUnicode: Bool {
        for name in ["LC_ALL", "LC_CTYPE", "LANG"] {
            guard let value = getenv(name).map({ String(cString: $0) }), !value.isEmpty else { continue }
            return value.lowercased().contains("utf")
        }
        return false
    }

    /// Seconds on the monotonic clock.
    package static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    /// Progress on standard error, for the runner.
    package static func progress() -> ProgressLine {
        ProgressLine(isTerminal: isInteractive, now: { now() }, write: { err($0) })
    }
}
