import FleetIO
import Foundation
import Protocol
import Scheduling
import Selection
import Tensors
import TestSupport
import Testing

/// Real worker processes with the real engine on a tiny model.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct ProcessTests {
    static let worker = ChildProcess.product("faultline-worker")
    /// Two decoder layers.
    static let model = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../ModelFixtures/Fixtures/llama").standardized.path

    static func layers() throws -> Int {
        let data = try Data(contentsOf: URL(fileURLWithPath: model + "/config.json"))
        let config = try JSONSerialization.jsonObject(with: data) as? [String: Any]
        return config?["num_hidden_layers"] as? Int ?? 2
    }

    static func tasks(_ count: Int) -> [FleetTask] {
        (0..<count).map { block in
            let batches = (0..<6).map { batch in
                Batch(
                    sequences: (0..<4).map { row in
                        TokenSequence(
                            tokens: (0..<24).map { Int32(3 + (block * 13 + batch * 5 + row * 3 + $0 * $0) % 60) },
                            scoredFrom: 10)
                    })
            }
            return FleetTask(
                body: .score(statistics: [.absoluteGradient(.mean), .inputSquares], batches: batches), cost: 1)
        }
    }

    /// Scores; at the given commit, `strike` gets the pids.
    static func score(
        workers: Int, pipelines: Int, threads: Int = 1, strikeAt: Int? = nil, strike: ([Int32]) -> Void = { _ in }
    ) throws -> [String: [UInt8]] {
        let folder = NSTemporaryDirectory() + "faultline-process-\(UInt64.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var settings = FleetSettings(runDirectory: folder)
        settings.localWorkers = workers
        settings.pipelines = pipelines
        settings.threadsPerWorker = threads
        settings.memoryPerWorker = 1
        settings.workerExecutable = worker
        let fleet = try Fleet(settings)
        defer { fleet.shutdown() }
        let count = try layers()
        try fleet.use(
            model: ModelPlan(
                path: model, layerBytes: [Int](repeating: 1, count: count),
                layerCost: [Double](repeating: 1, count: count)))
        let pids = fleet.progress.workers.map(\.pid)
        var all: [String: [UInt8]] = [:]
        try fleet.run(tasks(12), label: "score") { index, results in
            if index == strikeAt { strike(pids) }
            for result in results {
                for entry in try result.load().entries { all["\(index)/\(entry.name)"] = Array(entry.buffer.bytes) }
            }
        }
        return all
    }

    static let golden = Result { try score(workers: 1, pipelines: 1) }

    @Test(arguments: [(2, 1, 1), (2, 2, 2), (3, 3, 1)])
    func anyFleetWritesTheSameBytes(workers: Int, pipelines: Int, threads: Int) throws {
        let golden = try Self.golden.get()
        #expect(!golden.isEmpty)
        #expect(try Self.score(workers: workers, pipelines: pipelines, threads: threads) == golden)
    }

    @Test(arguments: [(3, 1, 0), (3, 3, 1), (2, 1, 1)], [SIGKILL, SIGTERM])
    func aWorkerIsEndedInTheMiddle(shape: (workers: Int, pipelines: Int, victim: Int), signal: Int32) throws {
        let results = try Self.score(workers: shape.workers, pipelines: shape.pipelines, strikeAt: 1) {
            kill($0[shape.victim], signal)
        }
        #expect(try results == Self.golden.get())
    }

    @Test(arguments: [
        (["--connect", "nonsense"], "not an address"), (["--connect", "10.1.2.3:5"], "--insecure-plain-tcp"),
        (["--connect", "127.0.0.1:1", "--threads", "0"], "--threads"),
        (["--connect", "127.0.0.1:1", "--bogus"], "bogus"), ([], "--connect"),
        (["--connect", "127.0.0.1:1", "--join-file", "x"], "--join-file"),
        (["--join-file", "/dev/null/x"], "/dev/null/x"),
        (["--join-file", "/etc/hostname"], "/etc/hostname: not a usable join file"),
    ])
    func wrongUsageIsOneLineAndCodeTwo(arguments: [String], words: String) throws {
        let child = try ChildProcess(Self.worker, arguments)
        #expect(child.waitForEnd() == 2)
        #expect(child.output.contains(words) && child.output.split(separator: "\n").count == 1, "\(child.output)")
    }

    @Test func aWorkerWithoutItsStarterEnds() throws {
        let child = try ChildProcess(Self.worker, ["--connect", "ipc:///tmp/faultline-nobody", "--parent", "1"])
        #expect(child.waitForEnd() == 4)
    }

    @Test(arguments: [SIGTERM, SIGINT, SIGUSR1])
    func aWorkerStopsWhenAsked(signal: Int32) throws {
        let child = try ChildProcess(Self.worker, ["--connect", "127.0.0.1:9"])
        #expect(child.waitFor("joining"))
        child.send(signal)
        #expect(child.waitForEnd() == 0)
    }

    @Test(arguments: [SIGTERM, SIGUSR1])
    func aWorkerThatWaitsForItsJoinFileStopsWhenAsked(signal: Int32) throws {
        let child = try ChildProcess(
            Self.worker, ["--join-file", "/tmp/faultline-never-\(UInt64.random(in: 0 ... .max))"])
        #expect(child.waitFor("waiting up to 60 s"))
        child.send(signal)
        #expect(child.waitForEnd() == 0)
    }

    @Test func aJoinFileNobodyWritesEndsInOneLine() throws {
        let path = "/tmp/faultline-never-\(UInt64.random(in: 0 ... .max))"
        let child = try ChildProcess(Self.worker, ["--join-file", path, "--wait", "1"])
        #expect(child.waitForEnd() == 4)
        #expect(child.output.contains("no coordinator after 1 s: \(path) is not there"), "\(child.output)")
    }

    @Test func aWorkerProgramThatIsNotThereIsNamed() {
        var settings = FleetSettings(
            runDirectory: NSTemporaryDirectory() + "faultline-none-\(UInt64.random(in: 0 ... .max))")
        defer { try? FileManager.default.removeItem(atPath: settings.runDirectory) }
        settings.localWorkers = 1
        settings.workerExecutable = "/nowhere/faultline-worker"
        let error = #expect(throws: FleetError.self) { try Fleet(settings) }
        #expect(error?.description.contains("/nowhere/faultline-worker: cannot start") == true)
    }
}
