import Checkpoint
import Evaluation
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

/// Variances of units, last tokens' states and scaled blocks over real worker processes: the same bytes from any fleet, from
/// one that loses a worker, and from one that is started again; scaled blocks are undone.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct UnitFleetTests {
    private static let sequences = (0..<24).map { seed in
        let tokens = [1, 2, 3] + (0..<9 + seed % 7).map { Int32((seed * 17 + $0 * 29) % 29) }
        return TokenSequence(tokens: tokens, scoredFrom: tokens.count, group: seed % 2)
    }

    /// Six blocks of a few batches each, whose prompts share their first tokens.
    private static func blocks() throws -> [[Batch]] {
        try stride(from: 0, to: sequences.count, by: 4).map { start in
            let groups = SequenceGroup.sharingPrefix(
                Array(sequences[start..<start + 4]), name: "prompts", maximumTokens: 40)
            return try BatchPacking.pack(groups, maximumTokens: 40)
        }
    }

    private static let group = TaskBody.Generation(
        prompts: sequences.prefix(5).map(\.tokens), slots: 2, maxNewTokens: 7, stopTokens: [2], temperature: 0, seed: 1,
        streams: (0..<5).map { UInt64($0) })

    private struct Outcome: Equatable {
        /// Digests of the combined tensors, by statistic.
        var statistics: [String: String] = [:]
        /// Of the unscaled model, of every scaled one, and of the unscaled one once more.
        var likelihoods: [[Float]] = []
        var answers: [[[Int32]]] = []
    }

    private func live(
        _ folder: String, workers: Int, pipelines: Int? = nil, memory isKept: Bool = false, killing victim: Int? = nil
    ) async throws -> (outcome: Outcome, story: Story) {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let memory = isKept ? try RunMemory(folder: folder, logger: .silent) : nil
        let story = Story()
        var settings = FleetSettings(runDirectory: folder)
        settings.firstEpoch = memory?.firstEpoch ?? 0
        settings.workerExecutable = ProcessTests.worker
        (settings.threadsPerWorker, settings.memoryPerWorker, settings.localWorkers) = (1, 0.5, workers)
        settings.pipelines = pipelines
        settings.happened = { story.hear($0) }
        let checkpoint = try Checkpoint.open(ProcessTests.model)
        let fleet = try Fleet(settings)
        let runner = FleetRunner(
            fleet: fleet, checkpoint: checkpoint,
            progress: ProgressLine(isTerminal: false, now: { 0 }, write: { _ in }), memory: memory)
        if let victim {
            let pids = fleet.progress.workers.map(\.pid)
            Thread.detachNewThread {
                if story.wait(for: .granted, task: "statistics 4") { kill(pids[victim], SIGKILL) }
            }
        }
        do {
            var outcome = Outcome()
            try await collect(runner, folder, into: &outcome)
            try await scale(runner, checkpoint.config, into: &outcome)
            await runner.shutdown()
            return (outcome, story)
        } catch {
            await runner.shutdown()
            throw error
        }
    }

    private func collect(_ runner: FleetRunner, _ folder: String, into outcome: inout Outcome) async throws {
        try await runner.apply(nil)
        let statistics: [any Statistic] = [try UnitVariance(options: [:]), LastTokenState()]
        let requests = try statistics.map { statistic in
            let name = type(of: statistic).name
            return ScoreRequest(
                name: name, statistics: [statistic.request(classes: 2)], blocks: try Self.blocks(),
                output: "\(folder)/\(name)")
        }
        try await runner.score(requests, label: "statistics")
        for request in requests {
            outcome.statistics[request.name] = try Digest.sha256(
                [UInt8](Data(contentsOf: URL(fileURLWithPath: request.output))))
        }
    }

    private func scale(_ runner: FleetRunner, _ config: ModelConfig, into outcome: inout Outcome) async throws {
        let text = [
            Batch(
                sequences: Self.sequences.prefix(6).map { TokenSequence(tokens: $0.tokens, scoredFrom: 2) })
        ]
        let edits: [(any WeightEdit)?] = [
            nil, ScaledWeights(0..<1, LinearMap.allCases, by: 1.5, of: config),
            ScaledWeights(0..<config.layerCount, [.o, .down], by: 0.5, of: config), nil,
        ]
        for (number, edit) in edits.enumerated() {
            try await runner.apply(edit)
            let scores = try await runner.likelihood(text, label: "text \(number)")
            outcome.likelihoods.append(scores.flatMap(\.logProbabilities))
            outcome.answers.append(try await runner.generate([Self.group], label: "answers \(number)"))
        }
    }

    @Test func anyFleetGivesTheSameBytes() async throws {
        let scratch = TemporaryFolder()
        let golden = try await live(scratch.file("golden"), workers: 1).outcome
        #expect(golden.statistics.count == 2 && Set(golden.statistics.values).count == 2)
        #expect(golden.likelihoods[0] == golden.likelihoods[3] && golden.answers[0] == golden.answers[3])
        #expect(Set(golden.likelihoods).count == 3)
        for (workers, pipelines) in [(2, 1), (2, 2), (3, 3)] {
            let other = try await live(scratch.file("\(workers)-\(pipelines)"), workers: workers, pipelines: pipelines)
            #expect(other.outcome == golden, "\(workers) workers, \(pipelines) pipelines")
        }
    }

    @Test func aKilledWorkerAndARunStartedAgainGiveTheSameBytes() async throws {
        let scratch = TemporaryFolder()
        let golden = try await live(scratch.file("golden"), workers: 1).outcome
        let killed = try await live(scratch.file("run"), workers: 3, pipelines: 1, memory: true, killing: 0)
        #expect(killed.outcome == golden)
        #expect(killed.story.tasks(.lost).count >= 1)
        let again = try await live(scratch.file("run"), workers: 1, memory: true)
        #expect(again.outcome == golden)
        #expect(again.story.count(.granted) == 0)
    }
}
