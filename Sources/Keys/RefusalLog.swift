/// Which refusals to tell of, however many there are: each reason once in a while, and not too many reasons.
package struct RefusalLog<Reason: Hashable & Sendable>: Sendable {
    /// Seconds in which a reason is told once, and at most `most` reasons are.
    private let interval: Double
    private let most: Int
    private var began = -Double.infinity
    private var told: Set<Reason> = []
    private var omitted = 0

    package init(interval: Double = 10, most: Int = 8) {
        self.interval = interval
        self.most = most
    }

    /// - Returns: how many refusals to say were not told, and whether to tell of this one.
    package mutating func admit(_ reason: Reason, now: Double) -> (omitted: Int, isTold: Bool) {
        var before = 0
        if now - began >= interval {
            before = omitted
            (began, told, omitted) = (now, [], 0)
        }
        let isTold = told.count < most && told.insert(reason).inserted
        if !isTold { omitted += 1 }
        return (before, isTold)
    }
}
