/// Notices pipelines that have work and do nothing: something that was to come never came (a link between two workers
/// broke, a message was lost with a connection). Computing, moving bytes and waiting for the disk count as doing something.
/// Pure; the clock is an argument.
package struct StallDetector: Sendable {
    /// Since when a pipeline has had work, by epoch.
    private var since: [UInt64: Double] = [:]
    /// Pipelines given up for idleness since anything was finished: where starting again does not help, patience grows.
    private var strikes = 0

    package init() {}

    /// A result came in.
    package mutating func finished() { strikes = 0 }

    /// - Parameters:
    ///   - working: the last sign of life of the workers of each pipeline that has work, by epoch.
    ///   - limit: seconds without one after which a pipeline is idle; up to eight times as many where that does not help.
    ///   - isWaiting: the coordinator itself is waiting (for its disk): nobody is idle.
    /// - Returns: epochs of idle pipelines.
    package mutating func overdue(
        _ working: [UInt64: Double], now: Double, limit: Double, isWaiting: Bool = false
    ) -> [UInt64] {
        since = since.filter { working[$0.key] != nil }
        var idle: [UInt64] = []
        let patience = limit * Double(1 << min(strikes, 3))
        for (epoch, last) in working {
            let start = isWaiting ? now : since[epoch, default: now]
            since[epoch] = start
            if now - max(start, last) > patience { idle.append(epoch) }
        }
        if !idle.isEmpty { strikes += 1 }
        return idle.sorted()
    }
}
