/// Why a pipeline ended, and with it the work it had.
package enum InterruptionCause: Sendable, Equatable {
    /// One of its workers was lost.
    case lost(worker: String, LossCause)
    /// It had work and did nothing.
    case idle(pipeline: UInt64)
    /// One of its workers held it up, and the layers are shared out anew.
    case slow(worker: String, pipeline: UInt64)

    /// For a record that names the worker already.
    package var details: String {
        if case .lost(_, let cause) = self { "\(cause)" } else { description }
    }
}

extension InterruptionCause: CustomStringConvertible {
    package var description: String {
        switch self {
        case .lost(let worker, let cause): "\(worker) \(cause)"
        case .idle(let pipeline): "pipeline \(Epoch.number(of: pipeline)) had work and did nothing"
        case .slow(let worker, let pipeline):
            "\(worker) holds pipeline \(Epoch.number(of: pipeline)) up: its layers are shared out anew"
        }
    }
}

/// A pipeline's epoch: which start of the run made it, and its number there.
package enum Epoch {
    package static func number(of epoch: UInt64) -> UInt64 { epoch & 0xFFFF_FFFF }
    package static func start(of epoch: UInt64) -> UInt64 { epoch >> 32 }
}
