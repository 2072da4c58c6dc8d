/// When a worker looks for its coordinator at another address. No I/O; the clock, in seconds, is an argument.
package struct Rediscovery: Sendable {
    private var isUnderWay = false
    private var next = 0.0
    /// Seconds between two searches.
    private var pause = Self.shortestPause

    private static let shortestPause = 0.3
    private static let longestPause = 4.0
    /// Seconds without a connection, or without a word, before the first search.
    private static let missing = 0.3
    private static let silence = 10.0

    package init() {}

    /// Whether a search begins now. It has ended when `ended(now:)` is called; meanwhile no other begins.
    package mutating func begins(_ session: FleetSession, now: Double) -> Bool {
        guard !isUnderWay else { return false }
        let isMissing = session.missingSince.map { now - $0 > Self.missing } ?? false
        guard isMissing || now - session.lastHeard > Self.silence else {
            pause = Self.shortestPause
            return false
        }
        guard now >= next else { return false }
        isUnderWay = true
        return true
    }

    /// A search has ended; the next one is a pause later, with a little chance in it.
    package mutating func ended(now: Double) {
        isUnderWay = false
        next = now + pause * Double.random(in: 0.75...1.25)
        pause = min(Self.longestPause, pause * 1.6)
    }
}
