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
        var cause: String
    }

    private var deaths: [String: [Death]] = [:]
    /// Where workers died under a task, also before successes.
    private var scenes: [String: Set<String>] = [:]
    /// Hosts that get no work any more, and why.
    package private(set) var setAside: [String: String] = [:]

    package init() {}

    /// - Parameter tasks: what the worker had; none: it was loading its layers.
    package mutating func died(on host: String, tasks: [String], cause: String) {
        deaths[host, default: []].append(Death(tasks: tasks, cause: cause))
        for task in tasks { scenes[task, default: []].insert(host) }
    }

    package mutating func succeeded(on host: String) { deaths[host] = nil }

    /// Other tasks of the same names may come.
    package mutating func newRun() { scenes = [:] }

    /// Why a host is to be set aside: everything fails there, and only there.
    package func verdict(on host: String) -> String? {
        let own = (deaths[host] ?? []).filter { $0.tasks.allSatisfy { scenes[$0] == [host] } }
        guard own.count >= Self.limit, let last = own.last,
            own.contains(where: \.tasks.isEmpty) || Set(own.map(\.tasks)).count > 1
        else { return nil }
        let tasks = Set(own.flatMap(\.tasks)).sorted()
        let place = tasks.isEmpty ? "while loading" : "under \(tasks.joined(separator: ", "))"
        return "workers died there \(own.count) times with nothing finished, \(place) (last: \(last.cause))"
    }

    package mutating func setAside(_ host: String, because cause: String) { setAside[host] = cause }
}
