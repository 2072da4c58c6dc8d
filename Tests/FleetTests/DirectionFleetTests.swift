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

/// A direction ablated, out of the weights and added over real worker processes: the same bytes from any fleet and from one
/// that is started again, and undone. The model is tied, so that embedding and head are changed apart.
@Suite(.serialized) struct DirectionFleetTests {
    private static let model = URL(fileURLWithPath: TinyModel.fixture).deletingLastPathComponent()
        .appendingPathComponent("qwen2").path
    private static let sequences = (0..<6).map { seed in
        TokenSequence(tokens: (0..<18 + seed).map { Int32((seed * 17 + $0 * 29) % 71) }, scoredFrom: 9)
    }
    private static let prompts = sequences.map { Array($0.tokens.prefix($0.scoredFrom)) }
    private static let group = TaskBody.Generation(
        prompts: prompts, slots: 2, maxNewTokens: 7, stopTokens: [5], temperature: 0, seed: 1,
        streams: prompts.indices.map { UInt64($0) })

    private struct Outcome: Equatable {
        var answers: [[[Int32]]] = []
        var likelihoods: [[[Float]]] = []
        var granted = 0
    }

    private func edits(_ checkpoint: Checkpoint) throws -> [(any WeightEdit)?] {
        let width = checkpoint.config.hiddenSize
        let vector = (0..<width).map { Double(($0 * 7) % 5 - 2) }
        let direction = try ResidualDirection(
            difference: vector, layer: 1, position: -1, layerCount: checkpoint.config.layerCount)
        let unit = direction.unit.map { Float($0) }
        return [
            Ablation(unit), try Orthogonalisation.edit(unit, of: checkpoint),
            try Orthogonalisation.edit(unit, embedding: .tensor, of: checkpoint),
            Steering(vectors: [:], inputs: [0: unit, 1: unit], start: .position(0)), nil,
        ]
    }

    private func work(_ folder: String, workers: Int, memory isKept: Bool) async throws -> Outcome {
        let done = try await RealFleet.counting(folder, model: Self.model, workers: workers, journal: isKept) {
            runner, checkpoint in
            var outcome = Outcome()
            for edit in try edits(checkpoint) {
                try await runner.apply(edit)
                outcome.answers.append(try await runner.generate([Self.group], label: "answers"))
                let scores = try await runner.likelihood([Batch(sequences: Self.sequences)], label: "scores")
                outcome.likelihoods.append(scores.map(\.logProbabilities))
            }
            return outcome
        }
        var outcome = done.result
        outcome.granted = done.granted
        return outcome
    }

    @Test func anyFleetGivesTheSameBytes() async throws {
        let scratch = TemporaryFolder()
        var golden = try await work(scratch.file("1"), workers: 1, memory: false)
        golden.granted = 0
        #expect(Set(golden.likelihoods.map { "\($0)" }).count == 5)
        for workers in [2, 3] {
            var other = try await work(scratch.file("\(workers)"), workers: workers, memory: false)
            other.granted = 0
            #expect(other == golden, "\(workers) workers")
        }
    }

    @Test func aRunStartedAgainComputesNothing() async throws {
        let scratch = TemporaryFolder()
        var first = try await work(scratch.file("run"), workers: 2, memory: true)
        #expect(first.granted == 10)
        let second = try await work(scratch.file("run"), workers: 1, memory: true)
        #expect(second.granted == 0)
        first.granted = 0
        #expect(second == first)
    }
}
