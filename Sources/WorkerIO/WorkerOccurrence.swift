package import Logging
import Protocol
import Reporting

/// What happens to a worker and programs want to know; people are not told.
package enum WorkerOccurrence: Sendable, Equatable {
    /// - worker: the name the coordinator gave.
    case joined(worker: String, endpoint: String)
    /// - epoch: the pipeline's.
    case assigned(epoch: UInt64, stage: Int, stageCount: Int, layers: Range<Int>, model: String)
    case failed(epoch: UInt64, error: String)

    var word: String {
        switch self {
        case .joined: "joined"
        case .assigned: "assigned"
        case .failed: "failed"
        }
    }

    var level: Logger.Level { if case .failed = self { .error } else { .info } }

    /// The pipeline's, where there is one.
    var epoch: UInt64? {
        switch self {
        case .joined: nil
        case .assigned(let epoch, _, _, _, _), .failed(let epoch, _): epoch
        }
    }
}

extension WorkerOccurrence: CustomStringConvertible {
    package var description: String {
        switch self {
        case .joined(_, let endpoint): "the fleet at \(endpoint)"
        case .assigned(let epoch, let stage, let count, let layers, let model):
            "pipeline \(epoch & 0xFFFF_FFFF), stage \(stage + 1) of \(count), layers \(layers.lowerBound) to "
                + "\(layers.upperBound - 1) of \(model)"
        case .failed(_, let error): error
        }
    }
}

extension Logger {
    package func report(_ occurrence: WorkerOccurrence) {
        var metadata: Logger.Metadata = [
            LogField.event: .string(occurrence.word), LogField.details: .string("\(occurrence)"),
        ]
        if case .joined(let worker, _) = occurrence { metadata[LogField.worker] = .string(worker) }
        if let epoch = occurrence.epoch { metadata[LogField.epoch] = .stringConvertible(epoch >> 32) }
        log(level: occurrence.level, "", metadata: metadata)
    }
}
