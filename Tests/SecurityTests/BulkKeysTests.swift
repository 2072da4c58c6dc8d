import Foundation
import TestSupport
import Testing

/// Large results of real processes over CURVE.
@Suite(.timeLimit(.minutes(2)))
struct BulkKeysTests {
    private static let faultline = ChildProcess.product("faultline")
    private static let worker = ChildProcess.product("faultline-worker")

    @Test func largeResultsTravelEncrypted() throws {
        let scratch = TemporaryFolder()
        let size = 3_000_000
        let keygen = try ChildProcess(Self.faultline, ["keygen", "--out", scratch.file("keys"), "--workers", "2"])
        #expect(keygen.waitForEnd() == 0)
        let coordinator = try ChildProcess(
            Self.faultline,
            [
                "measure", "--listen", "tcp://127.0.0.1:0", "--join-file", scratch.file("join"), "--workers", "2",
                "--tasks", "6", "--keys", scratch.file("keys/coordinator.key"), "--run-dir", scratch.file("run"),
            ])
        let workers = try (1...2).map {
            try ChildProcess(
                Self.worker,
                [
                    "--join-file", scratch.file("join"), "--threads", "1", "--idle-engine", "\(size)", "--keys",
                    scratch.file("keys/worker-\($0).key"),
                ])
        }
        #expect(coordinator.waitForEnd(seconds: 60) == 0, "\(coordinator.output)")
        for worker in workers { #expect(worker.waitForEnd() == 0, "\(worker.output)") }
        let bytes = coordinator.output.split(separator: "\"bytes\":").last?.prefix { $0.isNumber }
        #expect(bytes.flatMap { Int($0) }.map { $0 >= 6 * size } == true, "\(coordinator.output)")
    }
}
