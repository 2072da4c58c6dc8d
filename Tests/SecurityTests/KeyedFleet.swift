import Coordinator
import Foundation
import Keys
import TestSupport
import ZeroMQ

/// A fleet's keys, and a coordinator over loopback TCP in this process whose workers are real ones.
final class KeyedFleet: @unchecked Sendable {
    static let worker = ChildProcess.product("faultline-worker")
    let scratch: TemporaryFolder
    private let condition = NSCondition()
    private var lines: [String] = []
    private var bound: String?
    private var outcome: Result<Fleet, any Error>?

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
        settings.log = { [weak self] line in self?.change { $0.lines.append(line) } }
        settings.bound = { [weak self] endpoint in self?.change { $0.bound = endpoint } }
        Thread.detachNewThread { [settings] in
            let outcome = Result { try Fleet(settings) }
            self.change { $0.outcome = outcome }
        }
    }

    private func change(_ body: (KeyedFleet) -> Void) {
        condition.lock()
        body(self)
        condition.broadcast()
        condition.unlock()
    }

    private func wait<T>(_ seconds: Double, _ value: () -> T?) -> T? {
        let deadline = Date(timeIntervalSinceNow: seconds)
        condition.lock()
        defer { condition.unlock() }
        while true {
            if let value = value() { return value }
            guard condition.wait(until: deadline) else { return value() }
        }
    }

    /// Where workers connect.
    func endpoint() -> String? { wait(20) { bound } }

    /// The fleet, once all its workers are there.
    func fleet() throws -> Fleet {
        guard let outcome = wait(90, { outcome }) else { throw FleetError("no fleet within 90 s: \(log)") }
        return try outcome.get()
    }

    /// - Returns: whether the coordinator logged those words in time.
    func logs(_ words: String, seconds: Double = 20) -> Bool {
        wait(seconds) { lines.contains { $0.contains(words) } ? true : nil } ?? false
    }

    var log: [String] {
        condition.lock()
        defer { condition.unlock() }
        return lines
    }

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
