/// What is held against machines: deaths of workers there since anything last succeeded. Pure.
///
/// A death can be the task's fault or the host's. The scheduler sends a task under which a worker died to another host: if
/// a worker dies there too it is the task, and where several tasks, or loading, end so on one host alone it is the host.
package struct HostRecords: Sendable {
    /// Deaths after which a host is set aside.
    package static let limit = 3

    private struct Death: Sendable {
        /// None: while it loaded its layers.
        var tasks: [String]
        var cause: LossCause
        var instance: String?
    }

    private struct Scene: Sendable {
        var task: String
        var host: String
        var instance: String?
    }

    private var deaths: [String: [Death]] = [:]
    /// Where workers died under a task, also before successes.
    private var scenes: [Scene] = []
    /// Hosts that get no work any more, and why.
    package private(set) var setAside: [String: HostCause] = [:]

    package init() {}

    /// - Parameters:
    ///   - tasks: what the worker had; none: it was loading its layers.
    ///   - instance: which process it was.
    package mutating func died(on host: String, tasks: [String], cause: LossCause, instance: String? = nil) {
        deaths[host, default: []].append(Death(tasks: tasks, cause: cause, instance: instance))
        scenes += tasks.map { Scene(task: $0, host: host, instance: instance) }
    }

    /// A worker that was taken for dead is alive.
    /// - Returns: a host that was set aside for such deaths and is not any more.
    package mutating func exonerate(instance: String) -> String? {
        scenes.removeAll { $0.instance == instance }
        for (host, list) in deaths where list.contains(where: { $0.instance == instance }) {
            let wasSetAside = setAside[host] != nil && reasonToSetAside(host) != nil
            deaths[host]!.removeAll { $0.instance == instance }
            guard wasSetAside, reasonToSetAside(host) == nil else { continue }
            setAside[host] = nil
            return host
        }
        return nil
    }

    package mutating func succeeded(on host: String) { deaths[host] = nil }

    /// Other tasks of the same names may come.
    package mutating func newRun() { scenes = [] }

    /// Why a host is to be set aside: everything fails there, and only there.
    package func reasonToSetAside(_ host: String) -> HostCause? {
        let elsewhere = Set(scenes.filter { $0.host != host }.map(\.task))
        let own = (deaths[host] ?? []).filter { elsewhere.isDisjoint(with: $0.tasks) }
        guard own.count >= Self.limit, let last = own.last,
            own.contains(where: \.tasks.isEmpty) || Set(own.map(\.tasks)).count > 1
        else { return nil }
        let tasks = Set(own.flatMap(\.tasks)).sorted()
        return .deaths(count: own.count, tasks: tasks, last: last.cause)
    }

    package mutating func setAside(_ host: String, because cause: HostCause) { setAside[host] = cause }
}
