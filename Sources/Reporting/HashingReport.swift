import Synchronization
public import Tensors

/// Lines about a model that is read to be told apart from others, where that takes more than a few seconds.
public final class HashingReport: Sendable {
    private struct State {
        var began = 0.0
        var said = 0.0
    }

    private let state = Mutex(State())
    private let now: @Sendable () -> Double
    private let say: @Sendable (String) -> Void
    static let patience = 3.0
    static let interval = 10.0

    /// - Parameters:
    ///   - now: seconds on a steady clock.
    ///   - say: gets a line.
    public init(
        now: @escaping @Sendable () -> Double = { MonotonicClock.now }, say: @escaping @Sendable (String) -> Void
    ) {
        (self.now, self.say) = (now, say)
    }

    /// - Parameters:
    ///   - done: bytes that are hashed, of `total` that have to be.
    public func tell(_ done: Int, of total: Int, model: String) {
        let time = now()
        let line: String? = state.withLock { state in
            if done == 0 { state = State(began: time, said: time + Self.patience - Self.interval) }
            guard time - state.said >= Self.interval else { return nil }
            state.said = time
            let elapsed = time - state.began
            let left = Format.duration(Double(total - done) / max(1, Double(done)) * elapsed)
            return
                "checking the content of \(model): \(Format.bytes(done)) of \(Format.bytes(total)), \(left) left; this machine remembers it"
        }
        if let line { say(line) }
    }
}
