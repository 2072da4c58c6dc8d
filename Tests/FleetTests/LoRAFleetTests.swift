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

/// LoRA fine-tuning with worker processes: any fleet, one that loses a worker, and a run that is taken up again give the same
/// losses, matrices and answers; and so does the low-rank edit of the matrices.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct LoRAFleetTests {
    private static let lora = LoRA(rank: 4, alpha: 8, maps: ["self_attn.q_proj", "mlp.down_proj"], seed: 3)
    private static let training = TaskBody.Training(
        steps: (0..<6).map { step in (0..<12).map { batch(seed: step * 13 + $0 * 5) } }, firstStep: 0,
        parameters: .linear, learningRate: 1e-2, lora: lora)

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
        var edit: String
        var scores: [[Float]]
        var edited: [[Float]]
    }

    private func outcome(
        _ folder: String, workers: Int, killing victim: Int? = nil
    ) async throws -> Outcome {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let memory = try RunMemory(folder: folder, logger: .silent)
        let story = Story()
        var settings = FleetSettings(runDirectory: folder)
        (settings.firstEpoch, settings.run) = (memory.firstEpoch, memory.run)
        settings.workerExecutable = ProcessTests.worker
        (settings.threadsPerWorker, settings.memoryPerWorker, settings.localWorkers) = (1, 0.5, workers)
        settings.happened = { story.hear($0) }
        let fleet = try Fleet(settings)
        let runner = FleetRunner(
            fleet: fleet, checkpoint: try Checkpoint.open(ProcessTests.model),
            progress: ProgressLine(isTerminal: false, now: { 0 }, write: { _ in }), memory: memory)
        do {
            if let victim {
                let pids = fleet.progress.workers.map(\.pid)
                Thread.detachNewThread {
                    if story.wait(for: .granted, task: "tuning steps 3-4") { kill(pids[victim], SIGKILL) }
                }
            }
            let losses = try await runner.train(
                TrainingRequest(Self.training, checkpointEvery: 2), label: "tuning")
            let text = [Self.batch(seed: 4)]
            let scores = try await runner.likelihood(text, label: "text").map(\.logProbabilities)
            let edit = try await runner.trainedEdit(Self.lora)
            try await runner.apply(edit)
            let edited = try await runner.likelihood(text, label: "edited text").map(\.logProbabilities)
            await runner.shutdown()
            return Outcome(
                losses: losses, edit: edit.bundle.image().sha256(), scores: scores, edited: edited)
        } catch {
            await runner.shutdown()
            throw error
        }
    }

    @Test func anyFleetAndAKillGiveTheSameMatrices() async throws {
        let scratch = TemporaryFolder()
        let golden = try await outcome(scratch.file("one"), workers: 1)
        #expect(golden.losses.count == 6 && golden.losses[5] < golden.losses[0])
        #expect(golden.edited == golden.scores)
        #expect(try await outcome(scratch.file("two"), workers: 2) == golden)
        let folder = scratch.file("killed")
        #expect(try await outcome(folder, workers: 3, killing: 1) == golden)
        // The same run again, on another fleet.
        #expect(try await outcome(folder, workers: 2) == golden)
    }
}
