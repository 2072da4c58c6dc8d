import Protocol

/// A worker that was asked to stop: why, and until when it may finish what it runs, in seconds of the clock.
struct Departure {
    var reason: String
    var deadline: Double

    /// The coordinator's goodbye is awaited a little longer, for a connection that closes at once may look like a crash.
    private static let farewell = 3.0

    func isOver(now: Double) -> Bool { now >= deadline + Self.farewell }

    func message(now: Double) -> ToCoordinator { .leaving(reason: reason, grace: max(0, deadline - now)) }
}
