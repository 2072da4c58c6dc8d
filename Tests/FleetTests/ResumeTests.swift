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
import Selection
import Tensors
import TestSupport
import Testing

/// A run that ends at any point goes on where it was, with the bytes of a run that was not disturbed.
@Suite(.serialized) struct ResumeTests {
    private static let model =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path
        + "/ModelFixtures/Fixtures/qwen2"

    private static let request: [[Batch]] = (0..<6).map { block in
        (0..<40).map { batch in
            Batch(
                sequences: (0..<3).map { example in
                    let seed = block * 31 + batch * 7 + example
                    return TokenSequence(
                        tokens: (0..<20 + seed % 9).map { Int32((seed * 17 + $0 * 29) % 71) }, scoredFrom: 9)
                })
        }
    }
    private static let prompts = request[0][0].sequences.map { Array($0.tokens.prefix(8)) }
    private static let groups = (0..<4).map { group in
        TaskBody.Generation(
            prompts: prompts, slots: 2, maxNewTokens: 9, stopTokens: [5], temperature: 0.8, seed: UInt64(group),
            streams: [1, 2, 3])
    }
    private static let training = TaskBody.Training(
        steps: request.prefix(3).map { Array($0.prefix(2)) }, firstStep: 0, parameters: .linear, learningRate: 1e-3)

    /// A fleet, and what it reports.
    private final class Life: @unchecked Sendable {
        let story = Story()
        private let lock = NSLock()
        private var over = false
        var fleet: Fleet?
        var isOver: Bool {
            get { lock.withLock { over } }
            set { lock.withLock { over = newValue } }
        }
    }

    private struct Outcome: Equatable {
        var scores: [UInt8]
        var answers: [[Int32]]
        var losses: [Float]
        var tunedAnswers: [[Int32]]
    }

    /// The whole work in one run directory.
    private func work(
        _ folder: String, workers: Int, life: Life = Life(), memory: Bool = true
    ) async throws -> Outcome {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let record = memory ? try RunMemory(folder: folder, logger: .silent) : nil
        return try await RealFleet.run(
            folder, model: Self.model, workers: workers, memory: record, story: life.story,
            started: { life.fleet = $0 }
        ) { runner, _ in try await carryOut(runner, folded: folder + "/folded") }
    }

    private func carryOut(_ runner: FleetRunner, folded: String) async throws -> Outcome {
        let request = ScoreRequest(
            name: "x", statistics: [.absoluteGradient(.mean)], blocks: Self.request, output: folded)
        try await runner.apply(nil)
        try await runner.score([request], label: "scoring")
        let scores = [UInt8](try Data(contentsOf: URL(fileURLWithPath: folded)))
        let answers = try await runner.generate(Self.groups, label: "answers")
        let losses = try await runner.train(TrainingRequest(Self.training), label: "tuning")
        let tuned = try await runner.generate(Self.groups, label: "tuned answers")
        return Outcome(scores: scores, answers: answers, losses: losses, tunedAnswers: tuned)
    }

    @Test func aFinishedRunComputesNothingAgain() async throws {
        let scratch = TemporaryFolder()
        let golden = try await work(scratch.file("plain"), workers: 1, memory: false)
        let first = Life()
        #expect(try await work(scratch.file("run"), workers: 2, life: first) == golden)
        #expect(first.story.count(.granted) == 6 + 4 + 1 + 4)
        let second = Life()
        #expect(try await work(scratch.file("run"), workers: 1, life: second) == golden)
        #expect(second.story.count(.granted) == 0)
    }

    /// The run is broken off after each number of records in turn; the last life finishes it.
    @Test func aRunBrokenOffGoesOn() async throws {
        let scratch = TemporaryFolder()
        let golden = try await work(scratch.file("plain"), workers: 1, memory: false)
        let folder = scratch.file("run")
        var lives = 0
        while lives < 12 {
            lives += 1
            let life = Life()
            // A thread of its own: the work blocks the pool's. A few grants a life, then the fleet is gone at once.
            Thread.detachNewThread {
                let isTime = eventually(within: 600) { life.isOver || life.story.count(.granted) >= 3 }
                if isTime, !life.isOver { life.fleet?.shutdown() }
            }
            defer { life.isOver = true }
            if let outcome = try? await work(folder, workers: 1 + lives % 3, life: life) {
                #expect(outcome == golden)
                break
            }
        }
        let last = Life()
        #expect(try await work(folder, workers: 2, life: last) == golden)
        #expect(lives > 1, "nothing was broken off")
        let journal = try Journal(folder: folder)
        #expect(journal.epoch >= UInt64(lives))
    }
}
