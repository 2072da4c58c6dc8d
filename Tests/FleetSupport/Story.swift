package import FleetIO
package import Scheduling
import TestSupport

/// All that a fleet reports, as values. What people read of it stands in `OccurrenceTests`.
package final class Story: Sendable {
    private let occurrences = Recorder<any Occurrence>()

    package init() {}

    package func hear(_ occurrence: any Occurrence) { occurrences.add(occurrence) }

    package var all: [any Occurrence] { occurrences.all }
    package var fleet: [FleetOccurrence] { all.compactMap { $0 as? FleetOccurrence } }
    package var run: [RunOccurrence] { all.compactMap { $0 as? RunOccurrence } }

    package func has(_ kind: OccurrenceKind, worker: String? = nil, task: String? = nil) -> Bool {
        count(kind, worker: worker, task: task) > 0
    }

    package func count(_ kind: OccurrenceKind, worker: String? = nil, task: String? = nil) -> Int {
        all.count { $0.kind == kind && $0.worker == worker ?? $0.worker && $0.task == task ?? $0.task }
    }

    /// Tasks of occurrences of one kind, in order.
    package func tasks(_ kind: OccurrenceKind) -> [String] { all.filter { $0.kind == kind }.map(\.task) }

    /// - Returns: whether it came so many times within a minute.
    package func wait(for kind: OccurrenceKind, worker: String? = nil, task: String? = nil, count: Int = 1) -> Bool {
        eventually(within: 60) { self.count(kind, worker: worker, task: task) >= count }
    }

    /// Why workers were lost, in order.
    package var losses: [LossCause] {
        fleet.compactMap { if case .lost(_, _, let cause) = $0 { cause } else { nil } }
    }

    /// Workers that left in order, and why.
    package var left: [String: LossCause] {
        Dictionary(fleet.compactMap { if case .left(let worker, _, let cause) = $0 { (worker, cause) } else { nil } }) {
            $1
        }
    }

    /// Local workers that died before the work began.
    package var earlyEnds: [(end: EarlyEnd, isStartedAgain: Bool)] {
        run.compactMap { if case .endedEarly(let end, let again) = $0 { (end, again) } else { nil } }
    }

    package var damagedChunks: Int { run.count { if case .damagedChunk = $0 { true } else { false } } }

    /// Work that was undone.
    package var interruptions: [any Occurrence] { all.filter { $0.kind == .interrupted || $0.kind == .lost } }
}
