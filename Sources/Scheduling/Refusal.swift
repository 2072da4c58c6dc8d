package import Tensors

/// Why a worker is told to go. Its sentence is what the worker reads.
package enum Refusal: Sendable, Equatable {
    case hostSetAside(host: String, HostCause)
    case leftOut(worker: String, RejectedResult)
    /// It would compute other last bits: its highest kernel level is below the fleet's.
    case lowerLevel(fleet: KernelLevel, worker: KernelLevel)
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
        case .lowerLevel(let fleet, let worker):
            "this fleet runs at kernel level \(fleet), this machine has only \(worker): results would differ in their "
                + "last bits; run the whole fleet with --level \(worker), or give this machine a fleet of its own"
        case .unfit(let reason), .notAllowed(let reason), .otherVersion(let reason): reason
        case .otherKey: "its hello names another key than it holds"
        case .dataOutsideTCP: "its data endpoint is not on TCP"
        }
    }
}
