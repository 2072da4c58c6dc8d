/// Something that happened in a run. Its word, level and sentences follow from the value, and are made where they are
/// read.
package protocol Occurrence: Sendable, CustomStringConvertible {
    /// The word it has in the journal and for programs; `nil`: it is a line for people alone.
    var kind: OccurrenceKind? { get }
    var severity: Severity { get }
    /// Whom it concerns, and which task; empty: nobody, none.
    var worker: String { get }
    var task: String { get }
    /// A sentence for people who watch the run; empty: they are not told.
    var description: String { get }
    /// What the journal says beside kind, worker and task.
    var details: String { get }
}

extension Occurrence {
    package var severity: Severity { kind?.severity ?? .info }
    package var worker: String { "" }
    package var task: String { "" }
    package var details: String { description }
}

/// The words by which the journal and programs know what happened.
package enum OccurrenceKind: String, Sendable, CaseIterable {
    case started, ended, failed
    case joined, returned, exonerated, leaving, left, lost, refused, slow
    case setAside = "set aside"
    case granted, copied, interrupted, committed, checkpoint
    case takenOver = "taken over"

    /// What costs time is a warning, what comes by the thousand is for debugging.
    package var severity: Severity {
        switch self {
        case .failed: .error
        case .lost, .interrupted, .refused: .warning
        case .granted, .committed: .debug
        case .started, .ended, .joined, .returned, .exonerated, .leaving, .left, .slow, .setAside, .copied, .checkpoint,
            .takenOver:
            .info
        }
    }
}

package enum Severity: Sendable {
    case debug, info, warning, error
}
