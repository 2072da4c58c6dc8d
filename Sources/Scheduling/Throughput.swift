/// How fast a pipeline works, in seconds for a unit of cost. Pure; the clock is an argument.
struct Throughput: Sendable {
    private var seconds = 0.0
    private var cost = 0.0
    /// Since when it has been at what it now has in hand.
    private(set) var since = 0.0

    mutating func began(at now: Double) { since = now }

    /// - Parameter cost: of what was done since it began, or finished something else.
    mutating func finished(_ cost: Double, at now: Double) {
        seconds += max(0, now - since)
        self.cost += cost
        since = now
    }

    /// Over all that was finished; `nil` where nothing was.
    var average: Double? { cost > 0 ? seconds / cost : nil }
}
