/// Why a worker is no longer in the fleet. Label, level and sentence follow from it.
package enum LossCause: Sendable, Equatable {
    /// Not heard for so many seconds, more than the lease.
    case silent(seconds: Int)
    /// One call of its engine has taken so many seconds.
    case stalled(seconds: Int)
    /// Its process, started by this program, ended by itself.
    case exited(code: Int32)
    /// Its process, started by this program, was ended by a signal.
    case killed(signal: Int32)
    case connectionClosed
    /// Messages to it pile up.
    case notReading
    /// Chunks of its results differ from their sums, time and again.
    case damagedBytes
    /// It has no result that it offered.
    case resultMissing
    /// Not a byte of its results came in so many seconds.
    case resultsNotArriving(seconds: Int)
    /// The same worker joined again in a new session.
    case rejoined
    /// It cannot do what it was assigned, in its own words.
    case unfit(String)
    /// Its key may not take part, and why.
    case notAllowed(String)
    case hostSetAside
    case leftOut(RejectedResult)
    /// `faultline drain`.
    case drained
    /// It left of its own accord, in its own words.
    case askedToStop(String)

    /// The cause as a label of metrics: few, and stable.
    package enum Label: String, Sendable, CaseIterable {
        case silent, stalled, killed, crashed, refused, left
        case connectionClosed = "connection_closed"
        case notReading = "not_reading"
        case cameBack = "came_back"
        case askedToStop = "asked_to_stop"
    }

    package var label: Label {
        switch self {
        case .silent: .silent
        case .stalled: .stalled
        case .exited(let code): code == 0 ? .left : .crashed
        case .killed: .killed
        case .connectionClosed: .connectionClosed
        case .notReading: .notReading
        case .rejoined: .cameBack
        case .unfit, .notAllowed: .refused
        case .askedToStop: .askedToStop
        case .damagedBytes, .resultMissing, .resultsNotArriving, .hostSetAside, .leftOut, .drained: .left
        }
    }

    /// Whether it counts against the tasks it had and against its host. Silence is the network's fault or the machine's.
    package var isCrash: Bool {
        switch self {
        case .exited(let code): code != 0
        case .killed(let signal): signal != Self.terminate
        case .stalled, .connectionClosed, .notReading: true
        case .silent, .damagedBytes, .resultMissing, .resultsNotArriving, .rejoined, .unfit, .notAllowed, .hostSetAside,
            .leftOut, .drained, .askedToStop:
            false
        }
    }

    /// Whether its process is ended for good, where this program started it. Who was told to go ends by itself.
    var endsProcess: Bool {
        switch self {
        case .silent, .stalled, .exited, .killed, .connectionClosed, .notReading, .damagedBytes, .resultMissing,
            .resultsNotArriving:
            true
        case .rejoined, .unfit, .notAllowed, .hostSetAside, .leftOut, .drained, .askedToStop: false
        }
    }

    /// SIGTERM: a polite end.
    private static let terminate: Int32 = 15
}

extension LossCause: CustomStringConvertible {
    /// What is said of the worker, after its name: "w1 closed its connection".
    package var description: String {
        switch self {
        case .silent(let seconds): "silent for \(seconds) s"
        case .stalled(let seconds): "stalled: one step has taken \(seconds) s"
        case .exited(let code): "ended with exit code \(code)"
        case .killed(let signal): "was ended by signal \(signal)"
        case .connectionClosed: "closed its connection"
        case .notReading: "does not read what it is sent"
        case .damagedBytes: "sends damaged bytes"
        case .resultMissing: "does not hold a result it has offered"
        case .resultsNotArriving(let seconds): "its results do not arrive: not a byte in \(seconds) s"
        case .rejoined: "came back as a new session"
        case .unfit(let reason): "was refused: \(reason)"
        case .notAllowed(let reason): "may not take part: \(reason)"
        case .hostSetAside: "its host is set aside"
        case .leftOut(let result): "was left out: it \(result)"
        case .drained: "was drained"
        case .askedToStop(let reason): reason
        }
    }
}

/// A worker's result that cannot be one of its task.
package struct RejectedResult: Sendable, Equatable, CustomStringConvertible {
    /// The task's name.
    package var task: String
    /// Where the result differs from what was asked for.
    package var fault: String
    /// Another worker whose result had the same fault.
    package var alsoFrom: String?

    package init(task: String, fault: String, alsoFrom: String? = nil) {
        (self.task, self.fault, self.alsoFrom) = (task, fault, alsoFrom)
    }

    package var description: String {
        let other = alsoFrom.map { "; \($0) had sent the like, so the model or the data may be broken" } ?? ""
        return "sent no result of \(task): \(fault)\(other)"
    }
}
