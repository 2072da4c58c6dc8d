package import ArgumentParser
package import Console
import FleetBackend
import FleetIO
import Foundation
import Keys
import Launch
import Logging
import Protocol
import Scheduling
import Tensors

/// Runs empty tasks, or tasks with large results, on a real fleet without a model: what `make bench` and the checks of bulk
/// transfer measure. Its last line is JSON; times are monotonic seconds, so that other processes can compare.
package struct BenchFleetCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "bench-fleet", abstract: "Measures the fleet itself, without a model.", shouldDisplay: false,
        aliases: ["measure"])

    @OptionGroup package var fleet: FleetOptions
    @Option(help: "Empty tasks.") package var tasks = 1
    @Option(help: "Bytes of each task's result (workers that come by themselves: --idle-engine says).")
    package var resultBytes = 0
    @Option(help: "A file in which workers note what they begin.") package var log: String?
    @Flag(help: "Record every task in a journal, as a study does.") package var journal = false
    @Option(help: "The run's folder.") package var runDir: String?

    package init() {}

    package func run() throws {
        let folder = runDir ?? ".faultline-measure-\(getpid())"
        defer { if runDir == nil { try? Files.remove(folder) } }
        var settings = FleetSettings(runDirectory: folder)
        settings.listen = fleet.listen
        settings.joinFile = fleet.joinFile
        settings.localWorkers = fleet.listen == nil ? fleet.workers ?? 2 : nil
        settings.awaited = fleet.workers ?? 1
        settings.registration = fleet.wait ?? settings.registration
        settings.insecurePlainTCP = fleet.insecurePlainTCP
        settings.keys = try fleet.keys.map { try CoordinatorKeys(contentsOf: $0) }
        settings.pipelines = fleet.pipelines ?? fleet.workers ?? (fleet.listen == nil ? 2 : 1)
        settings.threadsPerWorker = fleet.threads
        settings.workerExecutable = FleetRunner.workerExecutable()
        settings.workerArguments = ["--idle-engine", "\(resultBytes)"] + (log.map { ["--idle-log", $0] } ?? [])
        settings.logger = Terminal.log
        settings.bound = { Terminal.log.info("listening at \($0)") }
        let memory = try journal ? Self.memory(folder, settings) : nil
        if let memory {
            settings.firstEpoch = memory.firstEpoch
            settings.happened = { memory.record($0) }
        }
        let workers = try Fleet(settings)
        defer { workers.shutdown() }
        try workers.use(model: ModelPlan(path: "none", layerBytes: [1], layerCost: [1]))
        var report = Report(tasks: tasks, began: MonotonicClock.now)
        let empty = FleetTask(body: .likelihood(batches: []), cost: 1)
        func record(_ recorded: [Fleet.Recorded]) throws {
            try memory?.commit(
                recorded.map { .init(key: "\($0.index)", label: "task \($0.index)", results: $0.results) })
        }
        try workers.run(Array(repeating: empty, count: tasks), label: "measuring", recorded: record) { index, results in
            if index == 0 { report.first = MonotonicClock.now }
            for case .file(let path) in results.map(\.bundle) {
                report.bytes += Files.byteCount(path) ?? 0
                if memory == nil { Files.removeFile(path) }
            }
        }
        report.ended = MonotonicClock.now
        report.peakMiB = Self.peakMiB()
        memory?.close()
        Terminal.json(String(decoding: try JSONEncoder().encode(report), as: UTF8.self))
    }

    private struct Report: Encodable {
        var tasks: Int
        var bytes = 0
        /// When the first task was sent, when it was done, when all were.
        var began: Double
        var first = 0.0
        var ended = 0.0
        var peakMiB = 0
    }

    private static func memory(_ folder: String, _ settings: FleetSettings) throws -> RunMemory {
        try Files.makeFolder(folder)
        return try RunMemory(folder: folder, logger: settings.logger)
    }

    private static func peakMiB() -> Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss / 1024
    }
}
