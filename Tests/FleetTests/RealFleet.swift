import Checkpoint
import FleetBackend
import FleetIO
import FleetSupport
import Foundation
import Reporting
import Scheduling
import TestSupport

/// A fleet of real worker processes with one thread each, for one test.
enum RealFleet {
    /// Starts the fleet, hands a runner on it to `body`, and ends it.
    /// - Parameters:
    ///   - folder: of the run; it is made.
    ///   - memory: the run's journal, where there is one.
    ///   - arguments: of every worker, beside those that all have.
    ///   - story: hears what happens.
    ///   - started: gets the fleet, for who ends it before its time.
    /// - Throws: what starting throws, and what `body` does.
    static func run<R>(
        _ folder: String, model: String = TinyModel.fixture, workers: Int, pipelines: Int? = nil,
        memory: RunMemory? = nil, arguments: [String] = [], story: Story? = nil, started: (Fleet) -> Void = { _ in },
        _ body: (FleetRunner, Checkpoint) async throws -> R
    ) async throws -> R {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var settings = FleetSettings(runDirectory: folder)
        settings.localWorkers = workers
        settings.pipelines = pipelines
        settings.threadsPerWorker = 1
        settings.memoryPerWorker = 0.5
        settings.workerExecutable = ChildProcess.product("faultline-worker")
        settings.workerArguments = arguments
        settings.firstEpoch = memory?.firstEpoch ?? 0
        if let story { settings.happened = { story.hear($0) } }
        let checkpoint = try Checkpoint.open(model)
        let fleet = try Fleet(settings)
        started(fleet)
        let runner = FleetRunner(
            fleet: fleet, checkpoint: checkpoint,
            progress: ProgressLine(isTerminal: false, now: { 0 }, write: { _ in }), memory: memory)
        do {
            let result = try await body(runner, checkpoint)
            await runner.shutdown()
            return result
        } catch {
            await runner.shutdown()
            throw error
        }
    }

    /// The same with a journal of its own in the folder, where it is kept.
    /// - Returns: what `body` does, and how many tasks were granted.
    static func counting<R>(
        _ folder: String, model: String = TinyModel.fixture, workers: Int, journal isKept: Bool,
        _ body: (FleetRunner, Checkpoint) async throws -> R
    ) async throws -> (result: R, granted: Int) {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let story = Story()
        let memory = isKept ? try RunMemory(folder: folder, logger: .silent) : nil
        let result = try await run(folder, model: model, workers: workers, memory: memory, story: story, body)
        return (result, story.count(.granted))
    }
}
