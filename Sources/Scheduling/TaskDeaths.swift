extension Scheduler {
    /// A worker's death under a task.
    package struct Crash: Sendable, Equatable {
        package var worker: String
        package var host: String
        /// Which process it was.
        package var instance: String?
        package init(worker: String, host: String, instance: String? = nil) {
            (self.worker, self.host, self.instance) = (worker, host, instance)
        }
    }
}

/// The workers that died under one task: whether the task or a host is to blame for it.
struct TaskDeaths: Sendable {
    /// Deaths of workers under one task after which the task is set aside.
    static let limit = 3

    private var crashes: [Scheduler.Crash] = []

    mutating func add(_ crash: Scheduler.Crash) { crashes.append(crash) }

    var hosts: Set<String> { Set(crashes.map(\.host)) }

    /// The task runs alone from now on: nobody else is to be blamed for the next death.
    var isSuspect: Bool { crashes.count >= Self.limit - 1 }

    /// The task is to blame: three deaths, of two workers if there are two; twice as many of one and the same.
    /// - Parameter workers: names of those who are still there.
    func isPoison(_ workers: Set<String>) -> Bool {
        guard crashes.count >= Self.limit else { return false }
        let dead = Set(crashes.map(\.worker))
        return dead.count > 1 || workers.subtracting(dead).isEmpty || crashes.count >= 2 * Self.limit
    }

    /// Why the run ends with this task.
    /// - Parameters:
    ///   - name: the task's.
    ///   - cause: how the last worker was lost.
    func failure(of name: String, _ cause: InterruptionCause) -> FleetFailure {
        let workers = Set(crashes.map { "\($0.worker) on \($0.host)" }).sorted()
        return .deadlyTask(name, deaths: crashes.count, workers: workers, last: cause)
    }

    /// A host is set aside: deaths there are no task's fault.
    mutating func exonerate(host: String) { crashes.removeAll { $0.host == host } }

    /// A worker that was taken for dead is alive.
    mutating func exonerate(instance: String) { crashes.removeAll { $0.instance == instance } }
}
