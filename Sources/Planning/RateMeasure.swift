import Foundation
package import ModelService
package import Protocol
import Reporting
import Tensors

/// A fleet's rates, from a little of the study's own work: seconds on a small model, a minute or two on a large one.
package struct RateMeasure {
    private let runner: any ModelRunner
    private let cost: ModelCost
    private let pipelines: Int
    /// Where results go meanwhile.
    private let folder: String

    package init(runner: any ModelRunner, cost: ModelCost, pipelines: Int, folder: String) {
        (self.runner, self.cost, self.pipelines, self.folder) = (runner, cost, pipelines, folder)
    }

    /// What is measured with.
    package struct Sample: Sendable {
        /// Examples, the first scored position of each told; at most a batch of them is used.
        package var sequences: [TokenSequence]
        package var slots: Int
        /// `nil`: nothing is scored.
        package var statistics: [StatisticRequest]?
        package var batchTokens: Int

        package init(sequences: [TokenSequence], slots: Int, statistics: [StatisticRequest]?, batchTokens: Int) {
            (self.sequences, self.slots, self.statistics, self.batchTokens) = (
                sequences, slots, statistics, batchTokens
            )
        }
    }

    /// - Parameter assumed: what is not measured.
    /// - Returns: `assumed` with what was measured in its place.
    /// - Throws: what the runner throws.
    package func rates(_ sample: Sample, assumed: Rates) async throws -> Rates {
        var rates = assumed
        rates.pipelines = pipelines
        guard let first = sample.sequences.min(by: { $0.tokens.count < $1.tokens.count }) else { return rates }
        try await runner.apply(nil)
        let small = Batch(sequences: [first])
        rates.load = try await seconds { try await forward(small) }
        rates.load = max(0.05, rates.load - (try await seconds { try await forward(small) }))

        let batch = Self.batch(sample.sequences, tokens: min(sample.batchTokens, 480))
        let forwardSeconds = try await seconds { try await forward(batch) }
        rates.forward = flop(batch) { cost.forward(tokens: $0, scored: $1) } / forwardSeconds

        let group = generation(sample)
        let prefill = WorkCounter.task(group)
        let generating = try await seconds {
            _ = try await runner.generate(
                (0..<pipelines).map { number in
                    var group = group
                    group.seed = UInt64(number)
                    return group
                }, label: "measuring answers")
        }
        let decoding = max(
            0.1 * generating, generating - cost.forward(tokens: prefill.tokens, scored: prefill.scored) / rates.forward)
        rates.decode = Double(group.maxNewTokens - 1) * cost.decode(rows: prefill.rows) / decoding

        guard let statistics = sample.statistics else { return rates }
        let large = Self.batch(sample.sequences, tokens: min(sample.batchTokens, 320))
        // The first run lays the fleet out for it.
        try await score(small, statistics)
        let bytes = Double(Files.byteCount(path) ?? 0)
        let (short, long) = (
            try await seconds { try await score(small, statistics) },
            try await seconds { try await score(large, statistics) }
        )
        let more =
            flop(large) { cost.gradients(tokens: $0, scored: $1) }
            - flop(small) { cost.gradients(tokens: $0, scored: $1) }
        if more > 0 { rates.gradients = more / max(0.1 * long, long - short) }
        let fixed = short - flop(small) { cost.gradients(tokens: $0, scored: $1) } / rates.gradients
        rates.transfer = bytes * Double(pipelines) / max(0.05 * short, fixed)
        Files.removeFile(path)
        return rates
    }

    private var path: String { "\(folder)/measured" }

    private func forward(_ batch: Batch) async throws {
        _ = try await runner.likelihood((0..<pipelines).map { _ in batch }, label: "measuring")
    }

    private func score(_ batch: Batch, _ statistics: [StatisticRequest]) async throws {
        try await runner.score(
            [
                ScoreRequest(
                    name: "measured", statistics: statistics, blocks: (0..<pipelines).map { _ in [batch] }, output: path
                )
            ], label: "measuring scores")
    }

    private func generation(_ sample: Sample) -> TaskBody.Generation {
        let prompts = (0..<sample.slots).map { number -> [Int32] in
            let sequence = sample.sequences[number % sample.sequences.count]
            return Array(sequence.tokens.prefix(max(1, sequence.scoredFrom)))
        }
        return TaskBody.Generation(
            prompts: prompts, slots: sample.slots, maxNewTokens: 9, stopTokens: [], temperature: 0, seed: 0,
            streams: prompts.indices.map { UInt64($0) })
    }

    private static func batch(_ sequences: [TokenSequence], tokens: Int) -> Batch {
        var batch = Batch(sequences: [])
        for sequence in sequences + sequences + sequences
        where batch.sequences.isEmpty || batch.tokenCount + sequence.tokens.count <= tokens {
            batch.sequences.append(sequence)
        }
        return batch
    }

    private func flop(_ batch: Batch, _ count: (Int, Int) -> Double) -> Double {
        let task = WorkCounter.tasks([batch])[0]
        return count(task.tokens, task.scored)
    }

    private func seconds(_ body: () async throws -> Void) async throws -> Double {
        let start = MonotonicClock.now
        try await body()
        return max(1e-4, MonotonicClock.now - start)
    }
}
