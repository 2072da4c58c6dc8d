import Foundation
import HTTP
import Keys
import TestSupport
import Testing

/// Status page and logs of the two programs, as a user sees them.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct StatusProgramTests {
    private static let faultline = ChildProcess.product("faultline")
    private static let worker = ChildProcess.product("faultline-worker")
    private let scratch: TemporaryFolder
    private let model: String
    private let pairs: String

    init() throws {
        scratch = TemporaryFolder()
        (model, pairs) = try TinyModel.make(in: scratch)
    }

    private func score(_ more: [String], environment: [String: String] = [:]) throws -> ChildProcess {
        try ChildProcess(
            Self.faultline,
            [
                "score", "--model", model, "--method", "snip", "--data", pairs, "--template", "none", "--threads", "1",
                "--out", scratch.file("out.safetensors"),
            ] + more, environment: environment)
    }

    private func status(_ more: [String]) throws -> (code: Int32?, text: String) {
        let child = try ChildProcess(Self.faultline, ["status"] + more)
        let code = child.waitForEnd()
        return (code, child.output)
    }

    private func url(of program: ChildProcess) throws -> String {
        #expect(program.waitFor("status page: http://"), "\(program.output)")
        #expect(program.waitFor("start workers with"), "\(program.output)")
        let words = program.output.split { $0.isWhitespace || $0 == "\"" }
        return String(try #require(words.first { $0.hasPrefix("http://") }))
    }

    /// A coordinator that waits for workers is looked at from elsewhere, with its token and without.
    @Test func statusIsAskedForOverTheNetwork() throws {
        let keygen = try ChildProcess(Self.faultline, ["keygen", "--out", scratch.file("keys")])
        #expect(keygen.waitForEnd() == 0 && keygen.output.contains("view.token"))
        let token = scratch.file("keys/view.token")
        let program = try score([
            "--listen", "0.0.0.0:*", "--keys", scratch.file("keys/coordinator.key"), "--status-port", "0",
            "--status-host", "0.0.0.0",
        ])
        let port = try #require(URL(string: url(of: program))?.port)
        let address = "http://127.0.0.1:\(port)"
        #expect(program.output.contains("is plain HTTP"))
        #expect(!program.output.contains(try ViewToken(contentsOf: token).text))

        let text = try status(["--url", address, "--token-file", token])
        #expect(text.code == 0 && text.text.contains("workers are awaited"), "\(text.text)")
        #expect(text.text.contains("waits for 1 more of 1 worker to join"))
        let json = try status(["--url", address, "--token-file", token, "--json"])
        let object = try JSONSerialization.jsonObject(with: Data(json.text.utf8)) as? [String: Any]
        #expect((object?["progress"] as? [String: Any])?["phase"] as? String == "joining")

        func refused(_ more: [String], _ words: String, code: Int32 = 2) throws {
            let answer = try status(["--url", address] + more)
            #expect(answer.code == code && answer.text.contains(words), "\(answer.text)")
            #expect(answer.text.split(separator: "\n").count == 1, "\(answer.text)")
        }
        try refused([], "asks for a view token: give --token-file FILE")
        try ViewToken.make(at: scratch.file("other.token"))
        try refused(["--token-file", scratch.file("other.token")], "refuses this view token")
        try refused(["--token-file", scratch.file("none")], "cannot be read")

        let watch = try ChildProcess(Self.faultline, ["status", "--url", address, "--token-file", token, "--watch"])
        #expect(watch.waitFor("workers are awaited"))
        program.send(SIGTERM)
        #expect(program.waitForEnd() != nil)
        // It ends while it waits for workers, at once, and leaves this behind.
        try? FileManager.default.removeItem(atPath: ".faultline-\(program.pid)")
        #expect(watch.waitForEnd() == 0)
        #expect(watch.output.contains("the run is over"), "\(watch.output)")
        try refused(["--token-file", token], "nothing answers (connection refused)", code: 1)
    }

    @Test func wrongUsageIsOneLine() throws {
        let server = try HTTPServer(host: "127.0.0.1", port: 0) { _, _ in .text(200, "") }
        for (options, words) in [
            (
                ["--status-port", "\(server.port)"],
                "--status-port \(server.port): another program listens there already"
            ),
            (["--status-port", "70000"], "out of range"), (["--status-host", "127.0.0.1"], "go with --status-port"),
            (["--status-port", "0", "--status-host", "0.0.0.0"], "--view-token FILE"),
            (["--status-port", "0", "--view-token", "/nowhere/view.token"], "/nowhere/view.token: cannot be read"),
            (["--log-format", "xml"], "text or json"),
        ] {
            let program = try score(options)
            #expect(program.waitForEnd() == 2, "\(options)")
            #expect(
                program.output.contains(words) && program.complaints.count == 1, "\(program.output)")
        }
        for arguments in [[], ["run", "--url", "http://x"], ["--url", "https://x"], ["x", "--token-file", "y"]] {
            let answer = try status(arguments)
            #expect(answer.code == 2 && answer.text.split(separator: "\n").count == 1, "\(answer.text)")
        }
        for program in [Self.faultline, Self.worker] {
            let child = try ChildProcess(program, ["--version"], environment: ["FAULTLINE_LOG": "xml"])
            #expect(child.waitForEnd() == 2 && child.output.contains("text or json"), "\(child.output)")
        }
    }

    /// Every line that either program says is an object with the fields that were promised.
    @Test func logsAreJSONWhereAskedFor() throws {
        let program = try score(["--listen", "127.0.0.1:*", "--log-format", "json"])
        #expect(program.waitFor("--connect tcp://"), "\(program.output)")
        let words = program.output.split { $0.isWhitespace || $0 == "\"" }
        let endpoint = String(try #require(words.last { $0.hasPrefix("tcp://") }))
        let worker = try ChildProcess(
            Self.worker, ["--connect", endpoint, "--threads", "1", "--memory", "1"],
            environment: ["FAULTLINE_LOG": "json"])
        #expect(program.waitForEnd(seconds: 60) == 0, "\(program.output)")
        #expect(worker.waitForEnd() == 0, "\(worker.output)")
        let said = try events(program.output)
        #expect(said["joined"]?["worker"] != nil && said["granted"]?["task"] != nil && said["progress"] != nil)
        // What a note tells is not told again as a message.
        #expect(!program.output.contains("threads, "))
        let heard = try events(worker.output)
        #expect(heard["joined"]?["worker"] != nil && heard["assigned"]?["message"] != nil && heard["message"] != nil)

        // A failure, too, also of the usage.
        for more in [["--data", "/nowhere/pairs.jsonl"], ["--workers", "0"]] {
            let failed = try score(["--log-format", "json"] + more)
            #expect(failed.waitForEnd() == 2)
            #expect(try events(failed.output)["message"]?["level"] as? String == "error", "\(failed.output)")
        }
    }

    /// The last line of each event.
    private func events(_ text: String) throws -> [String: [String: Any]] {
        var events: [String: [String: Any]] = [:]
        for line in text.split(separator: "\n") {
            let object = try #require(
                try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(line)")
            let time = try #require(object["time"] as? String)
            #expect(time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
            #expect(
                ["debug", "info", "warning", "error"].contains(object["level"] as? String)
                    && object["message"] is String)
            events[try #require(object["event"] as? String)] = object
        }
        return events
    }
}
