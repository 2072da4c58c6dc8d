import FleetIO
import FleetSupport
import Foundation
import HTTP
import Keys
import Logging
import Protocol
import Reporting
import Scheduling
import StatusPage
import Tensors
import TestSupport
import Testing
import WorkerIO

/// The status page of a real coordinator in this process.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct StatusPageTests {
    private let scratch: TemporaryFolder

    init() throws { scratch = TemporaryFolder() }

    private func port(_ fleet: Fleet) throws -> UInt16 {
        try #require(fleet.viewURL.flatMap { URL(string: $0)?.port }.flatMap { UInt16(exactly: $0) })
    }

    private func get(_ fleet: Fleet, _ path: String, _ headers: [(name: String, value: String)] = []) throws
        -> HTTPClient.Answer
    {
        try HTTPClient.get(host: "127.0.0.1", port: try port(fleet), path: path, headers: headers, seconds: 30)
    }

    private func status(_ fleet: Fleet) throws -> RunStatus {
        try JSONDecoder().decode(RunStatus.self, from: Data(get(fleet, "/status.json").body))
    }

    /// Asks until the status is as it has to become.
    private func status(_ fleet: Fleet, _ holds: (RunStatus) -> Bool) throws -> RunStatus {
        var last: RunStatus?
        let isSo = try eventually {
            last = try self.status(fleet)
            return holds(last!)
        }
        try #require(isSo, "\(String(describing: last))")
        return last!
    }

    /// The worker that stops in the middle of the second task.
    private final class Victim: @unchecked Sendable {
        let gate = DispatchSemaphore(value: 0)
        private let lock = NSLock()
        private var chosen = ""
        var name: String {
            get { lock.withLock { chosen } }
            set { lock.withLock { chosen = newValue } }
        }
    }

    /// Long: one run is told from its beginning to its end.
    @Test func theRunIsShownAsItGoes() throws {
        let victim = Victim()
        let log = RunLog(epoch: 3)
        let test = try TestFleet(
            workers: 3, pipelines: 1,
            settings: .init { settings in
                try settings.show(StatusPageSettings(port: 0))
                settings.firstEpoch = 3 << 32
                settings.recent = { log.recent }
                settings.logger = Logger(label: "") { _ in LineLogHandler(now: { 0 }) { log.keep($0.line) } }
            },
            engine: { index, _ in
                FakeEngine { call, task in
                    // Tasks are numbered from the first epoch on.
                    if call == "forward", task & 0xffff_ffff == 1, victim.name == "w\(index)" { victim.gate.wait() }
                }
            })
        defer { _ = test.close() }
        let fleet = test.fleet!
        #expect(try status(fleet) { $0.progress.workers.count == 3 }.progress.phase != .working)
        try fleet.use(model: Fake.model(layers: 2))
        // Workers get stages in the order of their arrival.
        let stages = try #require(status(fleet) { !$0.progress.pipelines.isEmpty }.progress.pipelines.first?.stages)
        let (first, second) = (stages[0].worker, stages[1].worker)
        victim.name = second
        let done = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            try? fleet.run(Fake.tasks(6), label: "scoring") { _, _ in }
            done.signal()
        }
        func worker(_ name: String, _ status: RunStatus) -> FleetProgress.Worker? {
            status.progress.workers.first { $0.name == name }
        }
        let status = try status(fleet) {
            worker(first, $0)?.waits.contains("waits for \(second)") == true && worker(second, $0)!.busy > 0
        }
        let progress = status.progress
        #expect(progress.phase == .working && progress.label == "scoring" && status.epoch == 3)
        #expect(progress.tasks == 6 && progress.tasksDone == 1 && progress.tasksRunning >= 1)
        #expect(progress.tasksDone + progress.tasksRunning + progress.tasksWaiting == 6)
        // Two layers make two stages; the third worker is left over, and told why.
        #expect(progress.pipelines.map { $0.stages.map(\.worker) } == [[first, second]])
        let stage = try #require(progress.pipelines.first?.stages.first)
        #expect(stage.firstLayer == 0 && stage.lastLayer == 0)
        #expect(stage.tasks.allSatisfy { $0.batches == 5 || $0.batches == 3 } && !stage.tasks.isEmpty)
        #expect(worker(second, status)?.activity == .computing && worker(second, status)?.stage == 2)
        let spare = progress.workers.filter { $0.activity == .spare }
        #expect(spare.count == 1 && spare[0].waits.contains("--pipelines 1") && spare[0].pipeline == 0)
        #expect(worker(first, status)!.batches >= 5)
        #expect(progress.counts.joined == 3 && progress.counts.committed == 1 && progress.counts.receivedBytes > 1000)
        #expect(status.events.contains { $0.event == "joined" && $0.worker == "w2" })
        #expect(!status.events.contains { $0.event == "granted" })
        #expect(StatusText.text(status, place: "here", unicode: false).contains("waits for \(second)"))

        // The worker that is waited for goes: its task is to be done again, and everybody sees why.
        let index = try #require(Int(second.dropFirst()))
        test.workers[index].post(.vanish)
        let later = try self.status(fleet) { $0.progress.counts.lost.values.reduce(0, +) == 1 }
        #expect(later.progress.counts.retries.values.reduce(0, +) >= 1)
        let events = try self.status(fleet) { $0.events.contains { $0.event == "interrupted" } }.events
        #expect(events.contains { $0.event == "lost" && $0.worker == second && $0.level == "warning" })
        victim.gate.signal()
        #expect(done.wait(timeout: .now() + 60) == .success)
        #expect(try self.status(fleet) { $0.progress.phase == .between }.progress.tasks == 0)
        let text = String(decoding: try get(fleet, "/metrics").body, as: UTF8.self)
        #expect(try MetricsTests.check(text)["faultline_workers_lost_total"] == 1)
    }

    @Test func thePageIsWholeAndMayDoNothingElse() throws {
        let test = try TestFleet(workers: 1, settings: .init { try $0.show(StatusPageSettings(port: 0)) })
        defer { _ = test.close() }
        let client = try #require(RawClient(port: try port(test.fleet)))
        client.say("GET / HTTP/1.1\r\nHost: localhost:1\r\n\r\n")
        let page = try #require(client.hear())
        #expect(page.hasPrefix("HTTP/1.1 200 OK\r\n") && page.contains("Content-Type: text/html; charset=utf-8\r\n"))
        #expect(page.contains("script-src 'sha256-") && page.contains("style-src 'sha256-") && !page.contains("unsafe"))
        #expect(page.contains("</html>"))
        // Nothing from elsewhere, and no markup made of what workers call themselves.
        #expect(!page.contains("http://") && !page.contains("https://") && !page.contains("innerHTML"))
        #expect(try get(test.fleet, "/nothing").status == 404)
        #expect(try get(test.fleet, "/../../etc/passwd").status == 404)
    }

    /// A page of the web whose name is made to mean this machine.
    @Test func anotherNameIsRefused() throws {
        let test = try TestFleet(workers: 1, settings: .init { try $0.show(StatusPageSettings(port: 0)) })
        defer { _ = test.close() }
        for (host, status) in [
            ("evil.example:80", 403), ("127.0.0.1.evil.example", 403), ("LOCALHOST:9", 200), ("[::1]:9", 200),
            ("127.0.0.1", 200),
        ] {
            let client = try #require(RawClient(port: try port(test.fleet)))
            client.say("GET /status.json HTTP/1.1\r\nHost: \(host)\r\n\r\n")
            #expect(client.hear()?.hasPrefix("HTTP/1.1 \(status) ") == true, "\(host)")
        }
        let client = try #require(RawClient(port: try port(test.fleet)))
        client.say("GET /status.json HTTP/1.0\r\n\r\n")
        #expect(client.hear()?.hasPrefix("HTTP/1.1 403 ") == true)
    }

    @Test func aTokenIsAskedForEverywhere() throws {
        try ViewToken.make(at: scratch.file("view.token"))
        let token = try ViewToken(contentsOf: scratch.file("view.token"))
        let test = try TestFleet(
            workers: 1, settings: .init { try $0.show(StatusPageSettings(host: "0.0.0.0", port: 0, token: token)) })
        defer { _ = test.close() }
        #expect(test.story.run.contains { if case .pageUnencrypted = $0 { true } else { false } })
        func basic(_ words: String) -> String { "Basic \(Data(words.utf8).base64EncodedString())" }
        for path in ["/", "/status.json", "/metrics", "/nothing"] {
            let refused = [
                nil, "Bearer ", "Bearer \(token.text)x", "Bearer wrong", basic("x:wrong"), basic(token.text), "Basic ?",
                token.text,
            ]
            for shown in refused {
                let headers = shown.map { [(name: "Authorization", value: $0)] } ?? []
                #expect(try get(test.fleet, path, headers).status == 401, "\(path) \(shown ?? "")")
            }
            for shown in [
                "Bearer \(token.text)", "bearer \(token.text)", basic("me:\(token.text)"), basic(":\(token.text)"),
            ] {
                let status = try get(test.fleet, path, [(name: "Authorization", value: shown)]).status
                #expect(status == (path == "/nothing" ? 404 : 200), "\(path) \(shown)")
            }
        }
        #expect(test.story.run.count { if case .wrongToken = $0 { true } else { false } } == 1)
        #expect(!test.story.all.contains { "\($0)".contains(token.text) })
    }

    @Test func whatCannotBeServedEndsInOneLineOfUsage() throws {
        let test = try TestFleet(workers: 1, settings: .init { try $0.show(StatusPageSettings(port: 0)) })
        defer { _ = test.close() }
        let taken = try port(test.fleet)
        for (page, words) in [
            (StatusPageSettings(port: taken), "--status-port \(taken): another program listens there already"),
            (StatusPageSettings(host: "0.0.0.0", port: 0), "--view-token"),
            (StatusPageSettings(host: "192.0.2.1", port: 0), "--status-host 192.0.2.1"),
            (StatusPageSettings(host: "no.such.host.invalid", port: 0), "--status-host no.such.host.invalid"),
        ] {
            var settings = FleetSettings(runDirectory: scratch.file("run"))
            let error = #expect(throws: FleetError.self) { try settings.show(page) }
            #expect(error?.isUsage == true && error?.description.contains(words) == true, "\(error?.description ?? "")")
        }
        #expect(try get(test.fleet, "/status.json").status == 200)
    }

    @Test func afterTheRunNothingAnswers() throws {
        let test = try TestFleet(workers: 1, settings: .init { try $0.show(StatusPageSettings(port: 0)) })
        let port = try port(test.fleet)
        let remote = try RemoteStatus(url: "http://127.0.0.1:\(port)/", token: nil)
        #expect(try remote.read().progress.workers.count <= 1)
        _ = test.close()
        let error = #expect(throws: FleetError.self) { try remote.read() }
        #expect(error?.description.contains("nothing answers (connection refused): is the run over") == true)
    }

    @Test func addressesAreChecked() throws {
        for url in ["", "http://", "ftp://x", "https://x:1", "http://x:99999", "http://x?y=1"] {
            #expect(throws: InputError.self, "\(url)") { try RemoteStatus(url: url, token: nil) }
        }
        for url in ["localhost:8080", "http://[::1]:8080/", "http://host/faultline/status.json"] {
            _ = try RemoteStatus(url: url, token: nil)
        }
        // Something else answers there.
        let server = try HTTPServer(host: "127.0.0.1", port: 0) { _, _ in .text(200, "{}") }
        server.start()
        defer { server.stop() }
        let error = #expect(throws: FleetError.self) {
            try RemoteStatus(url: "127.0.0.1:\(server.port)", token: nil).read()
        }
        #expect(error?.description.contains("no status page of faultline") == true)
    }
}
