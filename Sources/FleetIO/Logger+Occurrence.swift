package import Logging
import Reporting
package import Scheduling

extension Logger {
    /// Logs what happened, with its word, and whom and what it concerns, as metadata.
    package func report(_ occurrence: any Occurrence) {
        var metadata: Logger.Metadata = [:]
        if let kind = occurrence.kind {
            metadata[LogField.event] = .string(kind.rawValue)
            metadata[LogField.details] = .string(String(occurrence.details.prefix(2000)))
            if !occurrence.worker.isEmpty { metadata[LogField.worker] = .string(occurrence.worker) }
            if !occurrence.task.isEmpty { metadata[LogField.task] = .string(occurrence.task) }
        }
        log(level: Level(occurrence.severity), "\(occurrence)", metadata: metadata)
    }
}

extension Logger.Level {
    init(_ severity: Severity) {
        switch severity {
        case .debug: self = .debug
        case .info: self = .info
        case .warning: self = .warning
        case .error: self = .error
        }
    }
}
