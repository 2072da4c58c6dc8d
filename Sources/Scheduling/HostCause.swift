/// Why a host gets no work any more.
package enum HostCause: Sendable, Equatable {
    /// Workers died there, with nothing finished in between.
    /// - tasks: what they had, sorted; none: they died while they loaded their layers.
    case deaths(count: Int, tasks: [String], last: LossCause)
    /// A worker there could not load its layers, in its own words.
    case cannotLoad(worker: String, error: String)
    /// So many of its workers sent what is no result.
    case rejected(workers: Int, RejectedResult)
}

extension HostCause: CustomStringConvertible {
    package var description: String {
        switch self {
        case .deaths(let count, let tasks, let last):
            let place = tasks.isEmpty ? "while loading" : "under \(tasks.joined(separator: ", "))"
            return "workers died there \(count) times with nothing finished, \(place) (last: \(last))"
        case .cannotLoad(let worker, let error): return "\(worker): \(error)"
        case .rejected(let workers, let result): return "\(workers) of its workers \(result)"
        }
    }
}
