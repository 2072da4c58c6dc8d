import Synchronization
import Tensors

/// Progress of one long step: on a terminal a line redrawn in place, elsewhere a plain line every ten seconds.
public final class ProgressLine: Sendable {
    private struct State {
        var label = ""
        var unit = ""
        var total = 0
        var done = 0
        var drawn = -1
        var start = 0.0
        var lastDrawn = -Double.infinity
        var isOpen = false
    }

    private let state = Mutex(State())
    private let isTerminal: Bool
    private let now: @Sendable () -> Double
    private let write: @Sendable (String) -> Void
    private static let quietInterval = 10.0
    private static let redrawInterval = 0.1

    /// - Parameters:
    ///   - now: seconds on any steady clock.
    ///   - write: where the text goes (standard error).
    public init(isTerminal: Bool, now: @escaping @Sendable () -> Double, write: @escaping @Sendable (String) -> Void) {
        self.isTerminal = isTerminal
        self.now = now
        self.write = write
    }

    /// A plain line of its own, ending the step before.
    public func note(_ line: String) {
        state.withLock { state in
            close(&state)
            write(VisibleText.line(line) + "\n")
        }
    }

    /// Starts a step of `total` units, ending the one before.
    public func begin(_ label: String, total: Int, unit: String) {
        state.withLock { state in
            close(&state)
            state = State(label: label, unit: unit, total: total, start: now(), isOpen: true)
            draw(&state, force: true)
        }
    }

    /// Sets how much of the step is done.
    public func update(_ done: Int) {
        state.withLock { state in
            guard state.isOpen else { return }
            state.done = done
            if isTerminal || done < state.total { draw(&state, force: done >= state.total) }
        }
    }

    /// Ends the step; its last line stays.
    public func end() { state.withLock { close(&$0) } }

    private func close(_ state: inout State) {
        guard state.isOpen else { return }
        // Elsewhere than on a terminal the last line is written once, when the step is over, with the time it took.
        if isTerminal || state.done != state.drawn { draw(&state, force: true) }
        if isTerminal { write("\n") }
        state.isOpen = false
    }

    private func draw(_ state: inout State, force: Bool) {
        let time = now()
        guard force || time - state.lastDrawn >= (isTerminal ? Self.redrawInterval : Self.quietInterval) else { return }
        state.lastDrawn = time
        state.drawn = state.done
        let text = Self.text(
            label: VisibleText.line(state.label), done: state.done, total: state.total, unit: state.unit,
            elapsed: time - state.start,
            bar: isTerminal)
        write(isTerminal ? "\r\u{1B}[K" + text : text + "\n")
    }

    /// "scoring [#####.....] 6/12 blocks, 1.5/s, 0:04 left"
    static func text(label: String, done: Int, total: Int, unit: String, elapsed: Double, bar: Bool) -> String {
        var text = label
        if bar, total > 0 {
            let filled = min(20, 20 * done / total)
            text += " [" + String(repeating: "#", count: filled) + String(repeating: ".", count: 20 - filled) + "]"
        }
        text += " \(done)/\(total) \(unit)"
        guard done > 0, elapsed > 0 else { return text }
        let rate = Double(done) / elapsed
        text += ", \(Format.fixed(rate, rate < 10 ? 2 : 0))/s"
        return text
            + (done >= total
                ? ", took \(Format.duration(elapsed))" : ", \(Format.duration(Double(total - done) / rate)) left")
    }
}
