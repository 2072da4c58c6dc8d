import Checkpoint
import FleetBackend
import FleetIO
import FleetSupport
import Foundation
import ModelService
import Protocol
import Reporting
import Scheduling
import Selection
import Tensors
import TestSupport
import Testing

/// Models that are rewound from one training, with real workers that come, go and die.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct RewindFleetTests {
    private static let training = TaskBody.Training(
        steps: (0..<3).map { (step: Int) -> [Batch] in
            (0..<4).map { (part: Int) -> Batch in batch(step * 13 + part * 5) }
        },
        firstStep: 0, parameters: .all, learningRate: 1e-2)

    private static func batch(_ seed: Int) -> Batch {
        var sequences: [TokenSequence] = []
        for row in 0..<3 {
            let start = seed + row * 3
            sequences.append(TokenSequence(tokens: (0..<24).map { Int32(3 + (start + $0 * $0) % 26) }, scoredFrom: 10))
        }
        return Batch(sequences: sequences)
    }

    /// Several groups, so that some are still to come when a worker goes.
    private static let groups: [TaskBody.Generation] = (0..<12).map { group in
        var prompts: [[Int32]] = []
        for row in 0..<3 {
            let start: Int = group + row * 7
            prompts.append((0..<6).map { (place: Int) -> Int32 in Int32(3 + (start + place * 5) % 26) })
        }
        return TaskBody.Generation(
            prompts: prompts, slots: 2, maxNewTokens: 30, stopTokens: [2], temperature: 1, seed: UInt64(group),
            streams: [1, 2, 3])
    }

    private struct Outcome: Equatable {
        var losses: [[Float]] = []
        var answers: [[[Int32]]] = []
        var weights: [String: [UInt8]] = [:]
    }

    /// Three conditions of one training: free, without the layers' first half, without the other one.
    /// - Parameter strike: gets the workers' pids when the second condition's answers are begun.
    private func live(
        _ folder: String, workers: Int, memory: Bool = true, strike: @escaping @Sendable ([Int32]) -> Void = { _ in }
    ) async throws -> (outcome: Outcome, story: Story) {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let record = memory ? try RunMemory(folder: folder, logger: .silent) : nil
        let story = Story()
        var settings = FleetSettings(runDirectory: folder)
        settings.firstEpoch = record?.firstEpoch ?? 0
        settings.workerExecutable = ProcessTests.worker
        settings.threadsPerWorker = 1
        settings.memoryPerWorker = 0.5
        settings.localWorkers = workers
        settings.happened = { story.hear($0) }
        let checkpoint = try Checkpoint.open(ProcessTests.model)
        let fleet = try Fleet(settings)
        let runner = FleetRunner(
            fleet: fleet, checkpoint: checkpoint,
            progress: ProgressLine(isTerminal: false, now: { 0 }, write: { _ in }), memory: record)
        let pids = fleet.progress.workers.map(\.pid)
        Thread.detachNewThread { if story.wait(for: .granted, task: "second 1") { strike(pids) } }
        do {
            var outcome = Outcome()
            let last = checkpoint.config.layerCount - 1
            func layer(_ number: Int) -> Mask { RestrictedMask.layers([number], of: checkpoint.config) }
            let masks: [Mask?] = [nil, layer(0), layer(last)]
            for (mask, label) in zip(masks, ["first", "second", "third"]) {
                outcome.losses.append(
                    try await runner.train(
                        TrainingRequest(Self.training, rewind: mask, isShared: true), label: "\(label) tuning"))
                outcome.answers.append(try await runner.generate(Self.groups, label: label))
                try await runner.apply(nil)
            }
            _ = try await runner.train(TrainingRequest(Self.training, isShared: true), label: "again")
            try await runner.trainedWeights { bundle in
                for entry in bundle.entries { outcome.weights[entry.name] = entry.buffer.byteArray() }
            }
            await runner.shutdown()
            return (outcome, story)
        } catch {
            await runner.shutdown()
            throw error
        }
    }

    private func trainings(_ story: Story) -> Set<String> {
        Set(story.tasks(.granted).filter { ($0.contains("tuning") || $0 == "again") && !$0.contains("checkpoint") })
    }

    @Test func oneTrainingServesAllWhateverTheFleet() async throws {
        let scratch = TemporaryFolder()
        let (golden, story) = try await live(scratch.file("golden"), workers: 1, memory: false)
        #expect(trainings(story) == ["first tuning"])
        #expect(Set(golden.answers).count == 3 && golden.weights.count > 10)
        #expect(golden.losses[0].count == 3 && Set(golden.losses).count == 1)
        for workers in [1, 2, 3] {
            let (outcome, story) = try await live(scratch.file("run-\(workers)"), workers: workers)
            #expect(outcome == golden, "\(workers) workers")
            #expect(trainings(story) == ["first tuning"], "\(workers) workers")
        }
    }

    @Test func aKilledWorkerCostsNoTraining() async throws {
        let scratch = TemporaryFolder()
        let (golden, _) = try await live(scratch.file("golden"), workers: 1, memory: false)
        let (outcome, story) = try await live(scratch.file("run"), workers: 2) { kill($0[0], SIGKILL) }
        #expect(outcome == golden)
        #expect(trainings(story) == ["first tuning"])
        #expect(story.tasks(.lost).count >= 1)
    }
}
