/// A worker's membership of a fleet: whether it is welcome, when it says hello and beats, and when it gives the
/// coordinator up. No I/O; the clock, in seconds, is an argument.
package struct FleetSession: Sendable {
    /// The coordinator knows this worker's session.
    package private(set) var isWelcome = false
    /// It has been welcomed before, by this coordinator or an earlier one.
    package private(set) var wasWelcome = false
    package private(set) var lastHeard: Double
    /// When the connection broke; `nil` while it stands.
    package private(set) var missingSince: Double?
    private var began = 0.0
    private var lastTurn = 0.0
    private var nextHello = 0.0
    private var nextBeat = 0.0
    /// Seconds between two hellos, of which the second one is later by a little chance.
    private var pause = 1.0
    private var isHelloDue = false

    /// Seconds between two turns of the I/O thread that tell that the process was stopped, and continued.
    private static let longestTurn = 5.0
    private static let longestPause = 8.0

    package init(now: Double) { lastHeard = now }

    /// The I/O thread takes its first turn.
    package mutating func begin(now: Double) { (began, lastTurn, nextHello, nextBeat) = (now, now, now, now) }

    /// The I/O thread takes a turn.
    package mutating func turn(now: Double) {
        // Stopped, and continued: the coordinator was not silent for so long.
        if now - lastTurn > Self.longestTurn { lastHeard += now - lastTurn }
        lastTurn = now
    }

    /// A message of the coordinator came.
    package mutating func heard(now: Double) { lastHeard = now }

    package mutating func welcome() { (isWelcome, wasWelcome) = (true, true) }

    /// The coordinator does not know this session: hello is said at once.
    package mutating func rejoin() {
        guard isWelcome else { return }
        (isWelcome, isHelloDue) = (false, true)
    }

    /// The connection leads to another address: hello is said at once.
    package mutating func moved() { (isWelcome, isHelloDue, missingSince) = (false, true, nil) }

    package mutating func disconnected(now: Double) { missingSince = missingSince ?? now }

    package mutating func connected() {
        // As somebody new to the coordinator's socket: it is told at once who that is.
        if missingSince != nil { rejoin() }
        missingSince = nil
    }

    /// Whether hello is to be said now; the next time is later.
    package mutating func saysHello(now: Double) -> Bool {
        if isHelloDue { (isHelloDue, nextHello, pause) = (false, 0, 1) }
        guard !isWelcome, now >= nextHello else { return false }
        nextHello = now + pause * Double.random(in: 0.75...1.25)
        pause = min(Self.longestPause, pause * 1.6)
        return true
    }

    /// Whether a beat is to be sent now; the next time is `interval` seconds later.
    package mutating func beats(now: Double, every interval: Double) -> Bool {
        guard isWelcome, now >= nextBeat else { return false }
        nextBeat = now + interval
        return true
    }

    /// Seconds without a word, where the coordinator is given up for them.
    /// - Parameters:
    ///   - silence: seconds that a coordinator may say nothing.
    ///   - patience: seconds more for one that this worker was with, and for the first welcome of all.
    package func givesUp(now: Double, silence: Double, patience: Double) -> Double? {
        let silent = now - lastHeard
        guard silent > silence + (wasWelcome ? patience : 0), wasWelcome || now - began > patience else { return nil }
        return silent
    }
}
