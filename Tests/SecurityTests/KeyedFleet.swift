import FleetIO
import Foundation
import Keys
import Scheduling
import Synchronization
import TestSupport
import ZeroMQ

/// A fleet's keys, and a coordinator over loopback TCP in this process whose workers are real ones.
final class KeyedFleet: @unchecked Sendable {
    static let worker = ChildProcess.product("faultline-worker")
    let scratch: TemporaryFolder
    private let occurrences = Recorder<any Occurrence>()
    private let state = Mutex<(bound: String?, outcome: Result<Fleet, any Error>?)>((nil, nil))

    /// - Parameter names: workers to make keys for.
    init(names: [String]) throws {
        scratch = TemporaryFolder()
        _ = try KeyFolder(scratch.file("keys")).make(workers: nil, names: names, days: nil)
    }

    func key(_ name: String) -> String { scratch.file("keys/\(name).key") }
    var list: String { scratch.file("keys/allowed.json") }

    /// Begins to wait for workers.
    func start(awaited: Int, answers: Bool = true) throws {
        var settings = FleetSettings(runDirectory: scratch.file("run"))
        settings.listen = "tcp://127.0.0.1:*"
        settings.awaited = awaited
        settings.pipelines = 1
        settings.keys = try CoordinatorKeys(contentsOf: key("coordinator"))
        settings.answersHandshakes = answers
        settings.happened = { [occurrences] in occurrences.add($0) }
        settings.bound = { [weak self] endpoint in self?.state.withLock { $0.bound = endpoint } }
        Thread.detachNewThread { [settings] in
            let outcome = Result { try Fleet(settings) }
            self.state.withLock { $0.outcome = outcome }
        }
    }

    /// Where workers connect.
    func endpoint() -> String? { eventually(within: 20) { state.withLock { $0.bound } } }

    /// The fleet, once all its workers are there.
    func fleet() throws -> Fleet {
        guard let outcome = eventually(within: 90, { state.withLock { $0.outcome } }) else {
            throw FleetError("no fleet within 90 s: \(log)")
        }
        return try outcome.get()
    }

    /// - Returns: whether the coordinator refused such a connection in time.
    func refuses(within seconds: Double = 20, _ isIt: (ConnectionRefusal) -> Bool) -> Bool {
        eventually(within: seconds) {
            occurrences.all.contains {
                if case RunOccurrence.connectionRefused(let refusal) = $0 { isIt(refusal) } else { false }
            }
        }
    }

    /// - Returns: whether a worker whose key may not take part was lost in time.
    func losesForItsKey() -> Bool {
        eventually(within: 20) {
            occurrences.all.contains { if case FleetOccurrence.lost(_, _, .notAllowed) = $0 { true } else { false } }
        }
    }

    /// For people.
    var log: [String] { occurrences.all.map { "\($0)" } }

    /// A worker program; `key`: its key file.
    func join(key: String?, _ more: [String] = []) throws -> ChildProcess {
        try ChildProcess(
            Self.worker,
            ["--connect", endpoint() ?? "nowhere", "--threads", "1", "--memory", "1"]
                + (key.map { ["--keys", $0] } ?? []) + more)
    }

    /// Writes a key file of the given content, as somebody with an editor might.
    func forge(_ name: String, role: KeyRole, pair: CurveKeyPair, server: String) throws -> String {
        let path = scratch.file("\(name).key")
        try KeyFile(fleet: "forged", role: role, name: name, pair: pair, server: server, expires: nil).write(to: path)
        return path
    }

    /// Changes one key's entry in the list.
    func edit(_ name: String, _ change: (inout AllowList.Entry) -> Void) throws {
        var allowed = try AllowList(contentsOf: list)
        for index in allowed.keys.indices where allowed.keys[index].name == name { change(&allowed.keys[index]) }
        try allowed.write(to: list)
    }
}
