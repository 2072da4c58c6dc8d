import Checkpoint
import Evaluation
import Experiment
import FleetBackend
import FleetIO
import Foundation
import ModelService
import Protocol
import Reporting
import Scheduling
import Selection
import Tensors
import TestSupport
import Testing

/// The rank level over real worker processes: moments, subspaces, edits and what the edited model says, the same bytes
/// from any fleet, and from one that is started again.
@Suite(.serialized) struct RankFleetTests {
    private static let blocks: [[Batch]] = (0..<6).map { block in
        (0..<2).map { batch in
            Batch(
                sequences: (0..<3).map { example in
                    let seed = block * 31 + batch * 7 + example
                    return TokenSequence(
                        tokens: (0..<20 + seed % 9).map { Int32((seed * 17 + $0 * 29) % 71) }, scoredFrom: 9)
                })
        }
    }

    /// Everything a study does at this level, in files.
    private func work(_ runner: FleetRunner, _ checkpoint: Checkpoint, _ folder: String, groupBytes: Int) async throws
        -> [String: [UInt8]]
    {
        try await runner.apply(nil)
        let requests = [("safety", Self.blocks.prefix(4)), ("utility", Self.blocks.suffix(3))].map { name, blocks in
            ScoreRequest(
                name: name, statistics: [.secondMoments], blocks: Array(blocks), output: "\(folder)/\(name).moments")
        }
        let receipt = try await runner.score(requests, label: "moments")
        let store = SubspaceComputation(checkpoint.config, groupBytes: groupBytes)
        for request in requests {
            try await store.subspaces(
                moments: request.output, limit: nil, runner: runner, to: "\(folder)/\(request.name)", metadata: [:])
        }
        try runner.release(receipt)
        let edit = try await store.edit(
            .orthogonalProjection(utility: .percent(60), safety: .percent(75)),
            subspaces: [try SubspaceFile(path: "\(folder)/safety"), try SubspaceFile(path: "\(folder)/utility")],
            runner: runner, to: "\(folder)/edit", metadata: [:])
        try await runner.apply(edit)
        let scores = try await runner.likelihood(Self.blocks[5], label: "likelihood")
        try await runner.apply(nil)
        let plain = try await runner.likelihood(Self.blocks[5], label: "likelihood")
        #expect(scores.map(\.logProbabilities) != plain.map(\.logProbabilities))
        var all = [
            "likelihood": scores.flatMap { $0.logProbabilities }.flatMap { withUnsafeBytes(of: $0) { Array($0) } }
        ]
        for name in ["safety.moments", "safety", "utility", "edit"] {
            all[name] = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)")))
        }
        return all
    }

    @Test func anyFleetGivesTheSameBytes() async throws {
        let scratch = TemporaryFolder()
        var golden: [String: [UInt8]]?
        for (workers, pipelines, groupBytes) in [(1, 1, 1 << 30), (2, 1, 1), (3, 1, 20_000), (2, 2, 1 << 30)] {
            let folder = scratch.file("\(workers)-\(pipelines)")
            let bytes = try await RealFleet.run(folder, workers: workers, pipelines: pipelines) {
                try await work($0, $1, folder, groupBytes: groupBytes)
            }
            #expect(bytes.count == 5)
            #expect(golden == nil || golden == bytes, "\(workers) workers, \(pipelines) pipelines")
            golden = golden ?? bytes
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: "\(folder)/partials") == ["incoming"],
                "what was folded is gone")
        }
    }

    /// With a journal: the second start has the edit on record, or makes the same.
    @Test func aRunStartedAgainGivesTheSameBytes() async throws {
        let scratch = TemporaryFolder()
        let folder = scratch.file("run")
        var outcomes: [[String: [UInt8]]] = []
        for workers in [2, 1] {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let memory = try RunMemory(folder: folder, logger: .silent)
            outcomes.append(
                try await RealFleet.run(folder, workers: workers, pipelines: 1, memory: memory) {
                    try await work($0, $1, folder, groupBytes: 50_000)
                })
        }
        #expect(outcomes[0] == outcomes[1])
    }
}
