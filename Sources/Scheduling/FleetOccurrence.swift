package import Tensors

/// What the fleet's state machine sees happen to workers, tasks, pipelines and hosts.
package enum FleetOccurrence: Sendable, Equatable {
    // Workers.
    case joined(worker: String, host: String, pid: Int32, threads: Int, level: KernelLevel)
    /// Its connection had broken.
    case returned(worker: String, host: String)
    /// It was taken for dead, and it was its connection that broke.
    /// - host: one that takes part again.
    case exonerated(worker: String, host: String?)
    /// It is to leave once it has finished what it runs.
    case leaving(worker: String, host: String, LossCause)
    /// It left, and no task has to run again for that.
    case left(worker: String, host: String, LossCause)
    case lost(worker: String, host: String, LossCause)
    /// All workers run at this level from now on.
    case levelAgreed(KernelLevel)
    /// It starts again at the fleet's level, or cannot take part where it has only lower ones.
    case otherLevel(worker: String, host: String, fleet: KernelLevel, own: KernelLevel)
    /// A worker sent what is no result of its task.
    case rejected(worker: String, task: String, fault: String)
    /// `faultline drain` named a worker that is not there.
    case unknownWorker(String)
    case setAside(host: String, HostCause)
    /// All workers are gone; so many seconds are given to those who may come.
    case deserted(last: InterruptionCause?, seconds: Int)
    // Pipelines.
    case assigned(pipeline: UInt64, worker: String, layers: Range<Int>)
    /// A pipeline of an earlier start of the run goes on.
    case resumed(pipeline: UInt64, worker: String, layers: Range<Int>)
    case idle(pipeline: UInt64)
    case slow(worker: String, pipeline: UInt64)
    // Tasks. Workers are those of the pipeline.
    case granted(task: String, workers: [String], pipeline: UInt64)
    /// It runs a second time, since those who have it are late.
    case copied(task: String, workers: [String], late: [String])
    /// It waits again: its pipeline ended.
    /// - worker: the one that was lost; empty: none was.
    case interrupted(task: String, worker: String, InterruptionCause)
    /// A task of an earlier start of the run goes on where it was.
    case takenOver(task: String, workers: [String], isFinished: Bool)
    case failed(FleetFailure)
}

extension FleetOccurrence: Occurrence {
    package var kind: OccurrenceKind? {
        switch self {
        case .joined: .joined
        case .returned: .returned
        case .exonerated: .exonerated
        case .leaving: .leaving
        case .left: .left
        case .lost: .lost
        case .rejected: .refused
        case .setAside: .setAside
        case .slow: .slow
        case .granted: .granted
        case .copied: .copied
        case .interrupted: .interrupted
        case .takenOver: .takenOver
        case .failed: .failed
        case .levelAgreed, .otherLevel, .unknownWorker, .deserted, .assigned, .resumed, .idle: nil
        }
    }

    package var worker: String {
        switch self {
        case .joined(let worker, _, _, _, _), .returned(let worker, _), .exonerated(let worker, _),
            .leaving(let worker, _, _), .left(let worker, _, _), .lost(let worker, _, _),
            .otherLevel(let worker, _, _, _),
            .rejected(let worker, _, _), .assigned(_, let worker, _), .resumed(_, let worker, _), .slow(let worker, _),
            .interrupted(_, let worker, _):
            worker
        case .granted(_, let workers, _), .copied(_, let workers, _), .takenOver(_, let workers, _):
            workers.joined(separator: ", ")
        // In the journal's column of workers stands the host.
        case .setAside(let host, _): host
        case .levelAgreed, .unknownWorker, .deserted, .idle, .failed: ""
        }
    }

    package var task: String {
        switch self {
        case .rejected(_, let task, _), .granted(let task, _, _), .copied(let task, _, _), .interrupted(let task, _, _),
            .takenOver(let task, _, _):
            task
        default: ""
        }
    }

    package var description: String {
        switch self {
        case .joined(let worker, let host, let pid, let threads, let level):
            "\(worker) joined from \(host) (pid \(pid), \(threads) threads, \(level))"
        case .returned(let worker, let host): "\(worker) on \(host) is back after its connection broke"
        case .exonerated(let worker, let host):
            "\(worker): \(details)" + (host.map { "; host \($0) takes part again" } ?? "")
        case .leaving(let worker, let host, _): "\(worker) on \(host) is to leave; it finishes what it runs first"
        case .left(let worker, let host, let cause): "\(worker) on \(host) left: \(cause)"
        case .lost(let worker, let host, let cause): "lost \(worker) on \(host): \(cause)"
        case .levelAgreed(let level): "the fleet runs at kernel level \(level)"
        case .otherLevel(let worker, let host, let fleet, let own):
            own > fleet
                ? "\(worker) on \(host) starts again at the fleet's kernel level, \(fleet) (its own: \(own))"
                : "\(worker) on \(host) was refused: the fleet runs at kernel level \(fleet), it has only \(own)"
        case .unknownWorker(let name): "drain: no worker is called \(name)"
        case .setAside(let host, let cause): "host \(host) is set aside: \(cause)"
        case .deserted(let last, let seconds):
            "\(FleetFailure.noWorkerLeft(last: last)); waiting up to \(seconds) s for one to join"
        case .assigned(let pipeline, let worker, let layers):
            "pipeline \(Epoch.number(of: pipeline)): \(worker) takes \(Self.text(layers))"
        case .resumed(let pipeline, let worker, let layers):
            "pipeline \(Epoch.number(of: pipeline)) of this run's life \(Epoch.start(of: pipeline)): "
                + "\(worker) goes on with \(Self.text(layers))"
        case .idle(let pipeline): "\(InterruptionCause.idle(pipeline: pipeline)): its workers start again"
        case .slow(let worker, let pipeline): "\(InterruptionCause.slow(worker: worker, pipeline: pipeline))"
        case .copied(let task, let workers, _):
            "\(task) runs a second time on \(workers.joined(separator: ", ")): \(details)"
        // The journal has them; whoever waits reads of a failure when the command ends.
        case .rejected, .granted, .interrupted, .takenOver, .failed: ""
        }
    }

    package var details: String {
        switch self {
        case .joined(_, let host, let pid, _, _): "\(host) (pid \(pid))"
        case .returned(_, let host): host
        case .exonerated: "the same process is back, so it was its connection that broke"
        case .leaving(_, _, let cause): "\(cause)"
        case .left(_, let host, let cause), .lost(_, let host, let cause): "\(host): \(cause)"
        case .rejected(_, _, let fault): fault
        case .setAside(_, let cause): "\(cause)"
        case .granted(_, _, let pipeline): "pipeline \(Epoch.number(of: pipeline))"
        case .copied(_, _, let late): "\(late.joined(separator: ", ")) \(late.count == 1 ? "is" : "are") late with it"
        case .interrupted(_, _, let cause): cause.details
        case .takenOver(_, _, let isFinished): isFinished ? "finished" : "under way"
        case .failed(let failure): "\(failure)"
        case .levelAgreed, .otherLevel, .unknownWorker, .deserted, .assigned, .resumed, .idle, .slow: description
        }
    }

    private static func text(_ layers: Range<Int>) -> String {
        "layers \(layers.lowerBound) to \(layers.upperBound - 1)"
    }
}
