/// Why a fleet's work ended without its results.
package enum FleetFailure: Sendable, Equatable {
    /// All workers are gone. `nil`: there never was one.
    case noWorkerLeft(last: InterruptionCause?)
    /// A worker could not load its layers, in its own words.
    case cannotLoad(worker: String, error: String)
    /// A task failed on its worker, in that one's words.
    case taskFailed(worker: String, layers: Range<Int>, task: Int, error: String)
    /// The model cannot be shared out among the workers.
    case noPlan(String)
    /// Workers died under a task, each named with its host.
    case deadlyTask(String, deaths: Int, workers: [String], last: InterruptionCause)
    /// A task's result came twice, with different bytes.
    case notDeterministic(task: Int, stage: Int, digest: String)
    /// A socket or a file of the coordinator's failed, in the system's words.
    case system(String)
    case shutDown
}

extension FleetFailure: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noWorkerLeft(let last): "no worker is left (\(last.map { "\($0)" } ?? "none ever joined"))"
        case .cannotLoad(let worker, let error): "\(worker): \(error)"
        case .taskFailed(let worker, let layers, let task, let error):
            "\(worker), layers \(layers.lowerBound) to \(layers.upperBound - 1), task \(task): \(error)"
        case .noPlan(let reason), .system(let reason): reason
        case .deadlyTask(let task, let deaths, let workers, let last):
            "\(task) is set aside: workers died under it \(deaths) times (\(workers.joined(separator: ", ")); "
                + "last: \(last))"
        case .notDeterministic(let task, let stage, let digest):
            "determinism is broken: task \(task), stage \(stage) came twice with different bytes "
                + "(\(digest.prefix(12))…)"
        case .shutDown: "the fleet was shut down"
        }
    }
}
