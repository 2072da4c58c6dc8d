/// Log lines about refusals, however many there are: each reason once in a while, and not too many reasons.
package struct RefusalLog: Sendable {
    /// Seconds in which a reason is said once, and at most `most` reasons are.
    private let interval: Double
    private let most: Int
    private var began = -Double.infinity
    private var said: Set<String> = []
    private var swallowed = 0

    package init(interval: Double = 10, most: Int = 8) {
        self.interval = interval
        self.most = most
    }

    /// - Returns: what to log now.
    package mutating func lines(for reason: String, now: Double) -> [String] {
        var lines: [String] = []
        if now - began >= interval {
            if swallowed > 0 { lines.append("\(swallowed) more connections were refused") }
            (began, said, swallowed) = (now, [], 0)
        }
        if said.count < most, said.insert(reason).inserted { lines.append(reason) } else { swallowed += 1 }
        return lines
    }
}
