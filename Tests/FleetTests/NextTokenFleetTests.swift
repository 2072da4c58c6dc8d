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
import TestSupport
import Testing

/// Next-token distributions over real worker processes: the same bytes from any fleet and from one that is started again.
@Suite(.serialized) struct NextTokenFleetTests {
    private static let prompts: [[Int32]] = (0..<7).map { seed -> [Int32] in
        let own = (0..<9 + seed).map { place in Int32((seed * 17 + place * 29) % 71) }
        return [1, 2, 3] + own
    }

    private struct Outcome: Equatable {
        var rows: [[Float]]
        var some: [[Double]]
        var distances: [Double]
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
        let batches = try BatchPacking.prompts(Self.prompts, vocabulary: nil, maximumTokens: 30)
        #expect(batches.count > 2)
        try await runner.apply(nil)
        let rows = try await runner.nextTokens(batches, label: "whole")
        let some = try await runner.nextTokens(batches, of: [5, 6], label: "some")
        let vector = (0..<config.hiddenSize).map { Float($0 % 5 - 2) * 0.3 }
        try await runner.apply(Steering(vectors: [0: vector], start: .position(0), gate: nil))
        let distances = try await runner.divergence(
            batches, from: NextTokenReference(rows), epsilon: 0, label: "divergence")
        return Outcome(rows: rows, some: some, distances: distances)
    }

    @Test func anyFleetGivesTheSameBytes() async throws {
        let scratch = TemporaryFolder()
        let golden = try await work(scratch.file("1"), workers: 1, memory: false)
        #expect(golden.rows.count == Self.prompts.count && golden.distances.allSatisfy { $0 > 0 })
        for (row, some) in zip(golden.rows, golden.some) { #expect(some.map { Float($0) } == [row[5], row[6]]) }
        for row in golden.rows { #expect(abs(row.reduce(0) { $0 + exp(Double($1)) } - 1) < 1e-6) }
        for workers in [2, 3] {
            var other = try await work(scratch.file("\(workers)"), workers: workers, memory: false)
            other.granted = golden.granted
            #expect(other == golden, "\(workers) workers")
        }
    }

    @Test func aRunStartedAgainComputesNothing() async throws {
        let scratch = TemporaryFolder()
        var first = try await work(scratch.file("run"), workers: 2, memory: true)
        #expect(first.granted > 0)
        let second = try await work(scratch.file("run"), workers: 1, memory: true)
        #expect(second.granted == 0)
        first.granted = 0
        #expect(second == first)
    }
}
