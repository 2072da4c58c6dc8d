/// What a fleet has done since its coordinator started, for status and metrics. Counts only grow.
package struct FleetCounts: Codable, Sendable, Equatable {
    /// Workers that joined, and those that were lost by cause (`LossCause.Label`).
    package var joined = 0
    package var lost: [String: Int] = [:]
    /// Tasks handed to a pipeline, tasks whose results are safe, and attempts that came to nothing by cause.
    package var attempts = 0
    package var committed = 0
    package var retries: [String: Int] = [:]
    /// Batches that stages were done with, work done again included.
    package var batches = 0
    /// Bytes of messages from workers.
    package var receivedBytes = 0

    package init() {}
}

/// Counts what beats and events say. Pure; the clock is an argument.
package struct FleetCounters: Sendable {
    private struct Worker: Sendable {
        var batches = 0
        /// Batches of running tasks that were counted already.
        var counted: [UInt64: Int] = [:]
        var steps: UInt64 = 0
        var isMoving = false
        /// Batches by time, the oldest first, at most one a second.
        var samples: [(time: Double, batches: Int)] = []
    }

    /// Seconds over which a rate is taken.
    static let window = 30.0

    package private(set) var counts = FleetCounts()
    /// When a batch was done or a result came.
    package private(set) var lastProgress: Double?
    private var workers: [Int: Worker] = [:]

    package init() {}

    package mutating func joined(_ worker: Int, now: Double) {
        counts.joined += 1
        workers[worker] = Worker(samples: [(now, 0)])
    }

    /// - Parameters:
    ///   - retired: batches done, by running task.
    ///   - steps: calls of the engine that have returned.
    package mutating func beat(_ worker: Int, retired: [UInt64: Int], steps: UInt64, now: Double) {
        guard var entry = workers[worker] else { return }
        entry.isMoving = steps != entry.steps
        entry.steps = steps
        for (task, count) in retired { add(count - entry.counted[task, default: 0], to: &entry, now) }
        // A task that began again counts from its new beginning.
        entry.counted = retired
        sample(&entry, now)
        workers[worker] = entry
    }

    /// A stage offers its result: it is done with all batches, also those no beat told of.
    /// - Parameter batches: `nil` where their number is not known beforehand.
    package mutating func finished(_ worker: Int, task: UInt64, batches: Int?, now: Double) {
        lastProgress = now
        guard var entry = workers[worker] else { return }
        let counted = entry.counted.removeValue(forKey: task) ?? 0
        if let batches { add(batches - counted, to: &entry, now) }
        sample(&entry, now)
        workers[worker] = entry
    }

    private mutating func add(_ count: Int, to entry: inout Worker, _ now: Double) {
        guard count > 0 else { return }
        entry.batches += count
        counts.batches += count
        lastProgress = now
    }

    private func sample(_ entry: inout Worker, _ now: Double) {
        if let last = entry.samples.last, now - last.time < 1 { return }
        entry.samples.append((now, entry.batches))
        // The newest one outside the window stays: the rate is then over a little more than the window.
        while entry.samples.count > 2, now - entry.samples[1].time >= Self.window { entry.samples.removeFirst() }
    }

    package mutating func granted() { counts.attempts += 1 }
    package mutating func committed() { counts.committed += 1 }

    /// - Parameter interrupted: tasks that have to run again.
    package mutating func lost(_ worker: Int, _ cause: LossCause.Label, interrupted: Int) {
        workers[worker] = nil
        counts.lost[cause.rawValue, default: 0] += 1
        if interrupted > 0 { counts.retries[cause.rawValue, default: 0] += interrupted }
    }

    package func batches(of worker: Int) -> Int { workers[worker]?.batches ?? 0 }

    /// Its engine did something between its last two beats.
    package func isMoving(_ worker: Int) -> Bool { workers[worker]?.isMoving ?? false }

    /// Batches a second over the last half minute.
    package func rate(of worker: Int, now: Double) -> Double {
        guard let entry = workers[worker], let first = entry.samples.first, now - first.time >= 0.5 else { return 0 }
        return Double(entry.batches - first.batches) / (now - first.time)
    }
}
