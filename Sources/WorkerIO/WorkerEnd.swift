package import Tensors

/// Why a worker ended.
package enum WorkerEnd: Sendable, Equatable {
    /// The coordinator said goodbye, or the worker left when asked to.
    case goodbye(String)
    case refused(String)
    /// Start again at this kernel level.
    case level(KernelLevel)
    case coordinatorGone(String)
    case failed(String)
}
