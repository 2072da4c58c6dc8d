/// Why a worker is told to go. Its sentence is what the worker reads.
package enum Refusal: Sendable, Equatable {
    case hostSetAside(host: String, HostCause)
    case leftOut(worker: String, RejectedResult)
    /// Our own kernels would compute other last bits there.
    case otherCPU(fleet: Int, worker: Int)
    /// BLAS would, too, and cannot be lowered to the worker's level any more.
    case lowerKernel(fleet: String, worker: String)
    /// It cannot do what it was assigned, in its own words.
    case unfit(String)
    /// Its key may not take part, and why.
    case notAllowed(String)
    /// It speaks another version of the protocol, and which.
    case otherVersion(String)
    /// Its hello names another key than its connection has.
    case otherKey
    /// Other workers would reach it past the keys.
    case dataOutsideTCP
}

extension Refusal: CustomStringConvertible {
    package var description: String {
        switch self {
        case .hostSetAside(let host, let cause):
            "this run has set host \(host) aside: \(cause); start the coordinator again once that is mended"
        case .leftOut(let worker, let result):
            "this run has left \(worker) out: it \(result); mend its machine, then start the coordinator again"
        case .otherCPU(let fleet, let worker):
            "this fleet's CPUs run Faultline's kernels at level \(fleet), this machine's at \(worker): results would "
                + "differ in their last bits; give it a fleet of its own"
        case .lowerKernel(let fleet, let worker):
            "this fleet runs at kernel level \(fleet); this machine has only \(worker)"
        case .unfit(let reason), .notAllowed(let reason), .otherVersion(let reason): reason
        case .otherKey: "its hello names another key than it holds"
        case .dataOutsideTCP: "its data endpoint is not on TCP"
        }
    }
}
