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

/// A steered model over real worker processes: the same bytes from any fleet and from one that is started again, and undone.
@Suite(.serialized) struct SteeringFleetTests {
    private static let sequences = (0..<6).map { seed in
        TokenSequence(tokens: (0..<18 + seed).map { Int32((seed * 17 + $0 * 29) % 71) }, scoredFrom: 9)
    }
    private static let prompts = sequences.map { Array($0.tokens.prefix($0.scoredFrom)) }
    private static let group = TaskBody.Generation(
        prompts: prompts, slots: 2, maxNewTokens: 7, stopTokens: [5], temperature: 0, seed: 1,
        streams: prompts.indices.map { UInt64($0) })
    private static let penalised = TaskBody.Generation(
        prompts: prompts, slots: 2, maxNewTokens: 7, stopTokens: [5], temperature: 0, seed: 1,
        streams: prompts.indices.map { UInt64($0) }, repetitionPenalty: 1.3)

    private struct Outcome: Equatable {
        var answers: [[Int32]]
        var likelihoods: [[Float]]
        /// Steered both ways, with a repetition penalty.
        var both: [[Int32]]
        var plain: [[Int32]]
        var granted = 0
    }

    private func work(_ folder: String, workers: Int, memory isKept: Bool) async throws -> Outcome {
        let done = try await RealFleet.counting(folder, workers: workers, journal: isKept) { runner, checkpoint in
            try await carryOut(runner, checkpoint.config)
        }
        var outcome = done.result
        outcome.granted = done.granted
        return outcome
    }

    private func carryOut(_ runner: FleetRunner, _ config: ModelConfig) async throws -> Outcome {
        var vectors: [Int: [Float]] = [:]
        for layer in 0..<config.layerCount {
            vectors[layer] = (0..<config.hiddenSize).map { column in Float((column * 7 + layer) % 5 - 2) * 0.3 }
        }
        let steering = Steering(vectors: vectors, start: .position(3), gate: Set(Self.prompts.prefix(4)))
        try await runner.apply(steering)
        let answers = try await runner.generate([Self.group], label: "steered")
        let scores = try await runner.likelihood([Batch(sequences: Self.sequences)], label: "steered")
        try await runner.apply(
            Steering(
                vectors: vectors, start: .lastPromptToken, gate: Set(Self.prompts.prefix(3)),
                opposite: Set(Self.prompts[3..<5])))
        let both = try await runner.generate([Self.penalised], label: "steered both ways")
        try await runner.apply(nil)
        let plain = try await runner.generate([Self.group], label: "plain")
        return Outcome(answers: answers, likelihoods: scores.map(\.logProbabilities), both: both, plain: plain)
    }

    @Test func anyFleetGivesTheSameBytesAndTheGateItsOwn() async throws {
        let scratch = TemporaryFolder()
        var golden = try await work(scratch.file("1"), workers: 1, memory: false)
        #expect(Array(golden.answers.prefix(4)) != Array(golden.plain.prefix(4)))
        #expect(Array(golden.answers.suffix(2)) == Array(golden.plain.suffix(2)))
        #expect(golden.both != golden.plain && golden.both != golden.answers)
        for workers in [2, 3] {
            var other = try await work(scratch.file("\(workers)"), workers: workers, memory: false)
            (other.granted, golden.granted) = (0, 0)
            #expect(other == golden, "\(workers) workers")
        }
    }

    @Test func aRunStartedAgainComputesNothing() async throws {
        let scratch = TemporaryFolder()
        var first = try await work(scratch.file("run"), workers: 2, memory: true)
        #expect(first.granted == 4)
        let second = try await work(scratch.file("run"), workers: 1, memory: true)
        #expect(second.granted == 0)
        first.granted = 0
        #expect(second == first)
    }
}
