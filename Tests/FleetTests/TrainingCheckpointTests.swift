import Checkpoint
import FleetBackend
import FleetIO
import FleetSupport
import Foundation
import Journal
import ModelService
import Protocol
import Reporting
import Scheduling
import Tensors
import TestSupport
import Testing

/// Fine-tuning that loses a worker, its coordinator, or both, with real workers: it goes on from its newest checkpoint,
/// and the weights and losses are those of a run that nobody disturbed.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct TrainingCheckpointTests {
    private static let model = ProcessTests.model
    private static let stepCount = 9
    /// About a tenth of a second a step.
    private static let training = TaskBody.Training(
        steps: (0..<stepCount).map { step in (0..<20).map { batch(seed: step * 13 + $0 * 5) } },
        firstStep: 0, parameters: .all, learningRate: 1e-3)

    private static func batch(seed: Int) -> Batch {
        var sequences: [TokenSequence] = []
        for row in 0..<3 {
            let start = seed + row * 3
            sequences.append(TokenSequence(tokens: (0..<24).map { Int32(3 + (start + $0 * $0) % 26) }, scoredFrom: 10))
        }
        return Batch(sequences: sequences)
    }

    private struct Outcome: Equatable {
        var losses: [Float]
        var weights: [String: [UInt8]]
        var answers: [[Int32]]
    }

    /// One life of a run.
    private final class Life: @unchecked Sendable {
        let story = Story()
        let fleet: Fleet
        let runner: FleetRunner
        private(set) var workers: [ChildProcess] = []

        /// - Parameter joining: the workers are processes of the test's that come by a join file.
        init(_ folder: String, workers count: Int, lease: Double = 30, joining: Bool = false) throws {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let memory = try RunMemory(folder: folder, logger: .silent)
            var settings = FleetSettings(runDirectory: folder)
            settings.firstEpoch = memory.firstEpoch
            settings.run = memory.run
            settings.lease = lease
            settings.workerExecutable = ProcessTests.worker
            settings.threadsPerWorker = 1
            settings.memoryPerWorker = 0.5
            settings.happened = { [story] in story.hear($0) }
            var children: [ChildProcess] = []
            if joining {
                let join = folder + "/join.json"
                settings.listen = "tcp://127.0.0.1:0"
                settings.joinFile = join
                settings.awaited = count
                for _ in 0..<count {
                    children.append(
                        try ChildProcess(
                            ProcessTests.worker, ["--join-file", join, "--threads", "1", "--memory", "0.5"]))
                }
            } else {
                settings.localWorkers = count
            }
            fleet = try Fleet(settings)
            workers = children
            runner = FleetRunner(
                fleet: fleet, checkpoint: try Checkpoint.open(TrainingCheckpointTests.model),
                progress: ProgressLine(isTerminal: false, now: { 0 }, write: { _ in }), memory: memory)
        }

        func outcome(checkpointEvery: Int?) async throws -> Outcome {
            try await outcome(
                TrainingRequest(TrainingCheckpointTests.training, checkpointEvery: checkpointEvery))
        }

        func outcome(_ request: TrainingRequest) async throws -> Outcome {
            let losses = try await runner.train(request, label: "tuning")
            let prompts: [[Int32]] = (0..<3).map { row -> [Int32] in
                (0..<6).map { (place: Int) -> Int32 in Int32(3 + (row * 7 + place * 5) % 26) }
            }
            let answers = try await runner.generate(
                [
                    .init(
                        prompts: prompts, slots: 2, maxNewTokens: 9, stopTokens: [2], temperature: 0, seed: 1,
                        streams: [1, 2, 3])
                ], label: "answers")
            var weights: [String: [UInt8]] = [:]
            try await runner.trainedWeights { bundle in
                for entry in bundle.entries { weights[entry.name] = entry.buffer.byteArray() }
            }
            return Outcome(losses: losses, weights: weights, answers: answers)
        }
    }

    private static func live<R>(
        _ folder: String, workers: Int, lease: Double = 30, joining: Bool = false, _ body: (Life) async throws -> R
    ) async throws -> R {
        let life = try Life(folder, workers: workers, lease: lease, joining: joining)
        do {
            let result = try await body(life)
            await life.runner.shutdown()
            return result
        } catch {
            await life.runner.shutdown()
            throw error
        }
    }

    /// In one go, on one worker, without checkpoints.
    private static func golden(_ scratch: TemporaryFolder) async throws -> Outcome {
        try await live(scratch.file("golden"), workers: 1) { life in
            let outcome = try await life.outcome(checkpointEvery: nil)
            #expect(life.story.tasks(.granted).filter { $0.hasPrefix("tuning") } == ["tuning"])
            return outcome
        }
    }

    private func partials(_ folder: String) throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: folder + "/partials").count { $0.hasSuffix(".safetensors") }
    }

    @Test func aKilledWorkerCostsTheStepsSinceTheCheckpoint() async throws {
        let scratch = TemporaryFolder()
        let golden = try await Self.golden(scratch)
        #expect(golden.losses.count == Self.stepCount && golden.weights.count > 20)
        for (workers, victim) in [(3, 0), (3, 1), (2, 1)] {
            let folder = scratch.file("run-\(workers)-\(victim)")
            try await Self.live(folder, workers: workers) { life in
                let pids = life.fleet.progress.workers.map(\.pid)
                Thread.detachNewThread {
                    // Steps 5 and 6 are under way, the checkpoint after step 4 is on record.
                    if life.story.wait(for: .granted, task: "tuning steps 5-6") { kill(pids[victim], SIGKILL) }
                }
                let outcome = try await life.outcome(checkpointEvery: 2)
                #expect(outcome == golden)
                let granted = life.story.tasks(.granted)
                for early in ["tuning steps 1-2", "tuning steps 3-4", "tuning checkpoint 2"] {
                    #expect(granted.count { $0 == early } == 1, "\(early) in \(granted)")
                }
                #expect(granted.count { $0 == "tuning steps 5-6" } == 2)
                // The newest one alone is left: two results at most (each stage's), and none of the one before.
                let kept = try partials(folder)
                #expect(kept <= workers)
            }
        }
    }

    /// First steps of the segments granted.
    private func starts(_ story: Story) -> [Int] {
        story.tasks(.granted).filter { $0.hasPrefix("tuning steps ") }.compactMap {
            $0.dropFirst("tuning steps ".count).split(separator: "-").first.flatMap { Int($0) }
        }
    }

    /// The coordinator ends between checkpoints and comes back with another fleet and other segments.
    @Test func aCoordinatorThatEndsGoesOnFromTheCheckpoint() async throws {
        let scratch = TemporaryFolder()
        let golden = try await Self.golden(scratch)
        let folder = scratch.file("run")
        /// Ends the life when the task is under way.
        func broken(workers: Int, every: Int, at task: String) async throws -> [Int] {
            try await Self.live(folder, workers: workers) { life in
                Thread.detachNewThread {
                    _ = life.story.wait(for: .granted, task: task)
                    life.fleet.shutdown()
                }
                await #expect(throws: (any Error).self) { try await life.outcome(checkpointEvery: every) }
                return starts(life.story)
            }
        }
        #expect(try await broken(workers: 2, every: 3, at: "tuning steps 4-6") == [1, 4])
        let second = try await broken(workers: 1, every: 2, at: "tuning steps 6-7")
        #expect(second.min() == 4, "\(second)")
        try await Self.live(folder, workers: 3) { life in
            let outcome = try await life.outcome(checkpointEvery: 2)
            #expect(outcome == golden)
            #expect(starts(life.story).min()! >= 6, "\(starts(life.story))")
        }
        // What is finished is not trained again, also where its weights are needed: they are on disk.
        try await Self.live(folder, workers: 2) { life in
            let outcome = try await life.outcome(checkpointEvery: 2)
            #expect(outcome == golden)
            #expect(life.story.tasks(.granted) == [])
            try life.runner.concluded()
            #expect(try partials(folder) == 0)
        }
    }

    /// The answers are still to be given when the coordinator comes back, or a worker goes: nothing is trained again.
    @Test func finishedWeightsAreNotTrainedAgain() async throws {
        let scratch = TemporaryFolder()
        let golden = try await Self.golden(scratch)
        let folder = scratch.file("run")
        try await Self.live(folder, workers: 2) { life in
            _ = try await life.runner.train(TrainingRequest(Self.training, checkpointEvery: 4), label: "tuning")
        }
        try await Self.live(folder, workers: 3) { life in
            let pids = life.fleet.progress.workers.map(\.pid)
            Thread.detachNewThread { if life.story.wait(for: .granted, task: "answers 1") { kill(pids[0], SIGKILL) } }
            let outcome = try await life.outcome(checkpointEvery: 4)
            #expect(outcome == golden)
            #expect(starts(life.story) == [])
        }
    }

    /// The run is the one that would have had as many steps as it came to, whoever is lost on the way.
    @Test func aTrainingEndsAtItsLossTarget() async throws {
        let scratch = TemporaryFolder()
        let losses = try await Self.golden(scratch).losses
        func mean(_ steps: Range<Int>) -> Double { LossTarget.mean(losses, steps: steps, of: Self.training) }
        try #require(mean(3..<6) < mean(0..<3) && mean(6..<9) < mean(3..<6))
        var short = Self.training
        short.steps = Array(short.steps.prefix(6))
        let golden = try await Self.live(scratch.file("short"), workers: 1) { [short] in
            try await $0.outcome(TrainingRequest(short))
        }
        func request(_ every: Int?, shared: Bool = false) -> TrainingRequest {
            TrainingRequest(
                Self.training, isShared: shared, checkpointEvery: every,
                lossTarget: LossTarget(loss: mean(3..<6), passSteps: 3))
        }
        for (number, request) in [request(nil), request(2), request(4, shared: true)].enumerated() {
            try await Self.live(scratch.file("whole-\(number)"), workers: 2) { life in
                let outcome = try await life.outcome(request)
                #expect(outcome == golden)
                #expect(starts(life.story).max()! < 7, "\(starts(life.story))")
            }
        }
        try await Self.live(scratch.file("killed"), workers: 3) { life in
            let pids = life.fleet.progress.workers.map(\.pid)
            Thread.detachNewThread {
                if life.story.wait(for: .granted, task: "tuning steps 4-6") { kill(pids[1], SIGKILL) }
            }
            let outcome = try await life.outcome(request(nil))
            #expect(outcome == golden)
            #expect(starts(life.story).filter { $0 == 1 }.count == 1)
        }
        let folder = scratch.file("broken")
        try await Self.live(folder, workers: 2) { life in
            Thread.detachNewThread {
                _ = life.story.wait(for: .granted, task: "tuning steps 4-6")
                life.fleet.shutdown()
            }
            await #expect(throws: (any Error).self) { try await life.outcome(request(nil, shared: true)) }
        }
        for workers in [1, 3] {
            try await Self.live(folder, workers: workers) { life in
                let outcome = try await life.outcome(request(nil, shared: true))
                #expect(outcome == golden)
                #expect((starts(life.story).min() ?? 4) == 4, "\(starts(life.story))")
            }
        }
    }

    /// A worker frozen past its lease and thawed while others train on: it changes nothing.
    @Test func aStaleWorkerChangesNothing() async throws {
        let scratch = TemporaryFolder()
        let golden = try await Self.golden(scratch)
        try await Self.live(scratch.file("run"), workers: 3, lease: 4, joining: true) { life in
            Thread.detachNewThread {
                guard life.story.wait(for: .granted, task: "tuning steps 5-6") else { return }
                life.workers[1].send(SIGSTOP)
                _ = life.story.wait(for: .granted, task: "tuning steps 5-6", count: 2)
                life.workers[1].send(SIGCONT)
            }
            let outcome = try await life.outcome(checkpointEvery: 2)
            #expect(outcome == golden)
            #expect(life.story.tasks(.lost).count >= 1)
            #expect(starts(life.story).filter { $0 < 5 } == [1, 3])
            // It is a member again, as somebody new.
            #expect(life.story.wait(for: .joined, count: 4))
        }
    }
}
