import FleetSupport
import Foundation
import TestSupport
import Testing

/// One coordinator program and hundreds of simulated workers.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct CrowdTests {
    private static let faultline = ChildProcess.product("faultline")
    /// How long 256 of them work, in seconds.
    private static let seconds =
        ProcessInfo.processInfo.environment["FAULTLINE_CROWD_SECONDS"].flatMap { Int($0) } ?? 6
    /// Times are held to on a machine that does nothing else.
    private static let isStrict = ProcessInfo.processInfo.environment["FAULTLINE_QUIET_MACHINE"] == "1"
    private let scratch: TemporaryFolder

    init() throws { scratch = TemporaryFolder() }

    /// Scores `pairs` pairs, one a block, in a folder of its own.
    private func coordinator(workers: Int, pairs: Int) throws -> (process: ChildProcess, model: String) {
        let (model, data) = try TinyModel.make(in: scratch, pairs: pairs)
        let words = [
            Self.faultline, "score", "--model", model, "--method", "wanda", "--data", data, "--template", "none",
            "--block-examples", "1", "--listen", "127.0.0.1:*", "--workers", "\(workers)", "--wait", "120", "--out",
            scratch.file("scores.safetensors"),
        ]
        let command = "cd '\(scratch.path)' && exec \(words.map { "'\($0)'" }.joined(separator: " "))"
        return (try ChildProcess("/bin/sh", ["-c", command]), model)
    }

    private func endpoint(of coordinator: ChildProcess) throws -> String {
        #expect(coordinator.waitFor("--connect tcp://"), "\(coordinator.output)")
        let words = coordinator.output.split(whereSeparator: \.isWhitespace)
        return String(try #require(words.last { $0.hasPrefix("tcp://") }))
    }

    @Test func aThousandJoinAtOnceAndAllAreWelcomed() throws {
        let (coordinator, model) = try coordinator(workers: 1000, pairs: 100)
        let crowd = try Crowd(endpoint: endpoint(of: coordinator), count: 1000, model: model, taskSeconds: 0.1)
        defer { crowd.stop() }
        #expect(eventually(within: 60) { crowd.account.welcomeSeconds != nil }, "\(crowd.account)")
        let account = crowd.account
        print(
            "1,000 workers: hellos within \(account.helloSeconds) s, welcomed after \(account.welcomeSeconds ?? -1) s")
        if Self.isStrict { #expect(account.helloSeconds < 5) }
        #expect(coordinator.waitForEnd(seconds: 120) == 0, "\(coordinator.output.suffix(2000))")
        #expect(eventually(within: 30) { crowd.account.over == 1000 }, "\(crowd.account)")
    }

    @Test func twoHundredAndFiftySixWorkOnOneCoordinator() throws {
        let (coordinator, model) = try coordinator(workers: 256, pairs: 256 * Self.seconds)
        let crowd = try Crowd(endpoint: endpoint(of: coordinator), count: 256, model: model, taskSeconds: 1)
        defer { crowd.stop() }
        #expect(
            eventually(within: 60) { crowd.account.offers > 256 }, "\(crowd.account) \(coordinator.output.suffix(1000))"
        )
        let folder = try #require(try scratch.contents().first { $0.hasPrefix(".faultline-") })
        var slowest = 0.0
        for _ in 0..<5 {
            let began = Date()
            let status = try ChildProcess(Self.faultline, ["status", scratch.file(folder), "--json"])
            #expect(status.waitForEnd() == 0, "\(status.output)")
            slowest = max(slowest, -began.timeIntervalSinceNow)
            #expect(status.output.components(separatedBy: "\"name\":\"crowd-").count == 257, "\(status.output)")
        }
        if Self.isStrict { #expect(slowest < 1) }
        var peak = 0
        _ = eventually(within: 120) {
            guard let now = Self.peak(coordinator.pid) else { return true }
            peak = max(peak, now)
            return crowd.account.offers >= 256 * (Self.seconds - 1)
        }
        print("256 workers: status within \(slowest) s, the coordinator's memory at most \(peak >> 20) MiB")
        #expect(peak > 0 && peak < 1 << 30)
        #expect(coordinator.waitForEnd(seconds: 120) == 0, "\(coordinator.output.suffix(2000))")
    }

    /// What a process held of memory at most, in bytes; `nil` where it is no more.
    private static func peak(_ pid: Int32) -> Int? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
            let number = line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Int($0) })
        else { return nil }
        return number << 10
    }
}
