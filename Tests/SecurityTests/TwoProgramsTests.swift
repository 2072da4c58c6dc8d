import Foundation
import Keys
import TestSupport
import Testing

/// The two programs as a user runs them, over TCP with keys and over plain loopback TCP.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct TwoProgramsTests {
    private static let faultline = ChildProcess.product("faultline")
    private static let worker = ChildProcess.product("faultline-worker")
    private let scratch: TemporaryFolder
    private let model: String
    private let pairs: String

    init() throws {
        scratch = TemporaryFolder()
        (model, pairs) = try TinyModel.make(in: scratch)
    }

    private func score(_ out: String, _ more: [String]) throws -> ChildProcess {
        try ChildProcess(
            Self.faultline,
            [
                "score", "--model", model, "--method", "snip", "--data", pairs, "--template", "none", "--workers", "2",
                "--pipelines", "1", "--out", scratch.file(out),
            ] + more)
    }

    /// The endpoint a coordinator says it listens at.
    private func endpoint(of coordinator: ChildProcess) throws -> String {
        #expect(coordinator.waitFor("--connect tcp://"), "\(coordinator.output)")
        let words = coordinator.output.split(whereSeparator: \.isWhitespace)
        return String(try #require(words.last { $0.hasPrefix("tcp://") }))
    }

    private func join(_ endpoint: String, _ more: [String] = []) throws -> ChildProcess {
        try ChildProcess(Self.worker, ["--connect", endpoint, "--threads", "1", "--memory", "1"] + more)
    }

    private func bytes(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: scratch.file(name))) }

    @Test(arguments: [true, false])
    func scoresOverTCPAreTheSameToTheByte(withKeys: Bool) throws {
        let local = try score("local.safetensors", ["--threads", "1"])
        #expect(local.waitForEnd(seconds: 60) == 0, "\(local.output)")
        if withKeys {
            let keygen = try ChildProcess(Self.faultline, ["keygen", "--out", scratch.file("keys"), "--workers", "2"])
            #expect(keygen.waitForEnd() == 0 && keygen.output.contains("worker-2.key"))
        }
        func keys(_ name: String) -> [String] { withKeys ? ["--keys", scratch.file("keys/\(name).key")] : [] }
        let coordinator = try score("tcp.safetensors", ["--listen", "127.0.0.1:*"] + keys("coordinator"))
        let endpoint = try endpoint(of: coordinator)
        let workers = try (1...2).map { try join(endpoint, keys("worker-\($0)")) }
        #expect(coordinator.waitForEnd(seconds: 60) == 0, "\(coordinator.output)")
        for worker in workers { #expect(worker.waitForEnd() == 0, "\(worker.output)") }
        #expect(try bytes("tcp.safetensors") == bytes("local.safetensors"))
        #expect(!coordinator.output.contains("warning"))
    }

    @Test func plainTCPBeyondTheMachineWarnsOnBothPrograms() throws {
        let coordinator = try score("out.safetensors", ["--listen", "0.0.0.0:*", "--insecure-plain-tcp"])
        _ = try endpoint(of: coordinator)
        #expect(coordinator.output.contains("warning: tcp://0.0.0.0:* is plain TCP"))
        coordinator.send(SIGTERM)
        _ = coordinator.waitForEnd()
        let worker = try join("192.0.2.1:9", ["--insecure-plain-tcp"])
        #expect(worker.waitFor("warning: tcp://192.0.2.1:9 is plain TCP"))
        worker.send(SIGTERM)
        #expect(worker.waitForEnd() == 0)
    }

    @Test(arguments: [
        (["--listen", "10.1.2.3:5"], "--keys FILE"), (["--keys", "x"], "--keys goes with --listen"),
        (["--listen", "127.0.0.1:*", "--keys", "x", "--insecure-plain-tcp"], "exclude"),
        (["--listen", "127.0.0.1:*", "--keys", "/nowhere/x.key"], "/nowhere/x.key: cannot be read"),
    ])
    func wrongUsageIsOneLine(options: [String], words: String) throws {
        let coordinator = try score("out.safetensors", options)
        #expect(coordinator.waitForEnd() == 2)
        #expect(
            coordinator.output.contains(words) && coordinator.complaints.count == 1,
            "\(coordinator.output)")
    }

    @Test func aThousandStrangersCostLittleAndAGoodWorkerJoins() throws {
        _ = try KeyFolder(scratch.file("keys")).make(workers: 2, names: [], days: nil)
        let coordinator = try score(
            "out.safetensors", ["--listen", "127.0.0.1:*", "--keys", scratch.file("keys/coordinator.key")])
        let endpoint = try endpoint(of: coordinator)
        let port = try #require(UInt16(endpoint.split(separator: ":").last ?? ""))
        let before = try #require(Memory.resident(coordinator.pid))
        let strangers = Strangers(port: port, count: 1000)
        #expect(strangers.connected == 1000)
        strangers.push(seconds: 3)
        let peak = try #require(Memory.peak(coordinator.pid))
        let workers = try (1...2).map { try join(endpoint, ["--keys", scratch.file("keys/worker-\($0).key")]) }
        #expect(
            coordinator.waitFor("worker-1 joined", seconds: 10) && coordinator.waitFor("worker-2 joined", seconds: 10))
        print("1,000 strangers: \((peak - before) >> 20) MiB more at the peak")
        #expect(peak - before < 64 << 20, "\((peak - before) >> 20) MiB")
        #expect(coordinator.waitForEnd(seconds: 60) == 0, "\(coordinator.output)")
        for worker in workers { #expect(worker.waitForEnd() == 0) }
        #expect(coordinator.output.split(separator: "\n").count < 60)
    }
}
