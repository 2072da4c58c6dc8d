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

/// Moved and merged weights over real worker processes: the same bytes from any fleet, and undone; what a worker may not read
/// is refused.
@Suite(.serialized) struct LandscapeFleetTests {
    private let scratch = TemporaryFolder()
    private let checkpoint: Checkpoint

    init() throws { checkpoint = try Checkpoint.open(TinyModel.fixture) }

    private static let sequences = (0..<6).map { seed in
        TokenSequence(tokens: (0..<18 + seed).map { Int32((seed * 17 + $0 * 29) % 71) }, scoredFrom: 9)
    }

    /// The model with a number added to every weight.
    private func other() throws -> OtherCheckpoint {
        let path = scratch.file("other")
        if !FileManager.default.fileExists(atPath: path) {
            try HuggingFaceExport(checkpoint: checkpoint, type: .f32).write(to: path) { name, rows, values in
                try checkpoint.read(name, rows: rows, into: values)
                let columns = checkpoint.shape(of: name)!.dropFirst().reduce(1, *)
                for index in 0..<rows.count * columns { values[index] += 0.25 }
            }
        }
        return try OtherCheckpoint(path: path, for: checkpoint.config)
    }

    /// Log-probabilities of the sequences, edit after edit.
    private func numbers(
        _ name: String, workers: Int, arguments: [String] = [], _ edits: [(any WeightEdit)?]
    ) async throws -> [[Float]] {
        try await RealFleet.run(scratch.file(name), workers: workers, arguments: arguments) { runner, _ in
            var all: [[Float]] = []
            for edit in edits {
                try await runner.apply(edit)
                let scores = try await runner.likelihood([Batch(sequences: Self.sequences)], label: "scores")
                all.append(scores.flatMap(\.logProbabilities))
            }
            return all
        }
    }

    @Test func anyFleetGivesTheSameBytes() async throws {
        let edits: [(any WeightEdit)?] = [
            nil, Perturbation([.init(.random(seed: 1), factor: 0.2), .init(.random(seed: 2), factor: 0.1)]),
            WeightDelta([.init(to: try other(), scale: 0.5)]), nil,
        ]
        let golden = try await numbers("1", workers: 1, edits)
        #expect(Set(golden).count == 3 && golden[0] == golden[3])
        for workers in [2, 3] {
            #expect(try await numbers("\(workers)", workers: workers, edits) == golden, "\(workers) workers")
        }
    }

    @Test func aCheckpointOutsideTheRootsOfAWorkerIsRefused() async throws {
        let edit = WeightDelta([.init(to: try other(), scale: 0.5)])
        let error = await #expect(throws: (any Error).self) {
            try await numbers("confined", workers: 1, arguments: ["--model-root", TinyModel.fixture], [edit])
        }
        #expect("\(error.map { "\($0)" } ?? "")".contains("is not under a --model-root of this worker"))
    }
}
