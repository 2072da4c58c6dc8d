import Protocol
package import Scheduling

/// What happens to a run outside its state machine: processes, connections, transfers, records.
package enum RunOccurrence: Sendable, Equatable {
    // The run.
    case started(version: String, pid: Int32)
    case ended
    /// A stage's share of a task's results is on record.
    case committed(task: String, worker: String, stage: Int)
    /// Fine-tuning can go on from here.
    case checkpoint(task: String)
    /// Workers took fine-tuned weights with them.
    case trainingAgain(InterruptionCause)
    // Processes that this program started.
    /// One that was lost already, or never joined.
    case processEnded(worker: String, LossCause)
    case endedEarly(EarlyEnd, isStartedAgain: Bool)
    // Connections.
    case connectionRefused(ConnectionRefusal)
    /// So many refusals were not told one by one.
    case refusalsOmitted(Int)
    case workerRefused(worker: String, Refusal)
    case otherVersion(String)
    case plainTCP(String)
    case allowListReplaced
    case allowListOfOtherFleet
    /// The one read before stays in force.
    case allowListUnreadable(String)
    // Transfers and files.
    /// A transfer goes on behind bytes of an earlier attempt.
    case transferContinued(task: Int, stage: Int, bytes: Int)
    case damagedChunk(worker: String, task: Int, offset: Int)
    /// - error: in the system's words.
    case diskFull(path: String, error: String)
    case diskAgain(path: String)
    // The status page.
    case pageServed(url: String)
    case pageUnencrypted(url: String)
    case wrongToken(peer: String)
}

/// The end of a local worker before the work began.
package struct EarlyEnd: Sendable, Equatable, CustomStringConvertible {
    package var worker: String
    package var cause: LossCause
    /// The last line it wrote, where it had time to say why.
    package var lastWords: String?

    package init(worker: String, cause: LossCause, lastWords: String? = nil) {
        (self.worker, self.cause, self.lastWords) = (worker, cause, lastWords)
    }

    package var description: String {
        "\(worker) \(cause) before the work began\(lastWords.map { ": \($0)" } ?? "")"
    }
}

/// Why a connection is shut.
package enum ConnectionRefusal: Sendable, Hashable, CustomStringConvertible {
    /// - reason: what the list of allowed keys says of it.
    /// - address: where it came from; `nil`: it was let in earlier.
    case key(reason: String, address: String?)
    case unfinishedHandshake
    case usesKeys
    case usesNoKeys
    case otherServerKey

    package var description: String {
        switch self {
        case .key(let reason, let address): address.map { "from \($0): \(reason)" } ?? reason
        case .unfinishedHandshake: "it did not finish its handshake, or sent too much in it"
        case .usesKeys: "it uses keys, and this coordinator runs without --keys"
        case .usesNoKeys: "it uses no keys; a worker of this fleet needs --keys"
        case .otherServerKey: "it holds another server key than this coordinator's: keys of another fleet"
        }
    }
}

extension RunOccurrence: Occurrence {
    package var kind: OccurrenceKind? {
        switch self {
        case .started: .started
        case .ended: .ended
        case .committed: .committed
        case .checkpoint: .checkpoint
        default: nil
        }
    }

    package var severity: Severity {
        switch self {
        case .plainTCP, .pageUnencrypted: .warning
        default: kind?.severity ?? .info
        }
    }

    package var worker: String { if case .committed(_, let worker, _) = self { worker } else { "" } }

    package var task: String {
        switch self {
        case .committed(let task, _, _), .checkpoint(let task): task
        default: ""
        }
    }

    package var description: String {
        switch self {
        case .started, .ended, .committed, .checkpoint: ""
        case .trainingAgain(let cause): "fine-tuned weights were lost (\(cause)): fine-tuning again"
        case .processEnded(let worker, let cause): "\(worker) \(cause)"
        case .endedEarly(let end, let again): "\(end); it is \(again ? "started again" : "not waited for")"
        case .connectionRefused(let refusal): "refused a connection: \(refusal)"
        case .refusalsOmitted(let count): "\(count) more connections were refused"
        case .workerRefused(let worker, let refusal): "refused \(worker): \(refusal)"
        case .otherVersion(let fault): "a worker was refused: \(fault)"
        case .plainTCP(let endpoint): Endpoint.plainWarning(endpoint) ?? ""
        case .allowListReplaced: "allowed.json was read again"
        case .allowListOfOtherFleet: "allowed.json is another fleet's now; the list read before stays"
        case .allowListUnreadable(let fault): "\(fault); the list read before stays"
        case .transferContinued(let task, let stage, let bytes):
            "task \(task), stage \(stage): going on behind \(bytes) bytes that are here"
        case .damagedChunk(let worker, let task, let offset):
            "\(worker) sent a damaged chunk at byte \(offset) of task \(task); asking again"
        case .diskFull(let path, let error):
            "\(path): the disk is full or read-only (\(error)); paused until it is not: free some space"
        case .diskAgain(let path): "\(path): the disk takes data again; going on"
        case .pageServed(let url): "status page: \(url)"
        case .pageUnencrypted(let url):
            "\(url) is plain HTTP: whoever reads the network reads the status and the view token"
        case .wrongToken(let peer): "status page: \(peer) showed a wrong view token"
        }
    }

    package var details: String {
        switch self {
        case .started(let version, let pid): "faultline \(version), process \(pid)"
        case .committed(_, _, let stage): "stage \(stage)"
        default: description
        }
    }
}
