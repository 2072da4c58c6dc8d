import Evaluation
import FleetIO
import Foundation
package import ModelService
package import Protocol
import Scheduling
import Tensors

/// Next-token distributions of the current model.
extension FleetRunner {
    /// What is made of a task's results as soon as they are there, so that the journal need not hold them whole.
    struct Reduction {
        /// Beside the task's content, what decides the outcome.
        var identity: String
        /// Of the task's number and its results.
        var body: (Int, [StageResult]) throws -> [StageResult]
    }

    /// Whole distributions, [prompts × vocabulary].
    /// - Throws: `FleetError` where the work is given up; `InternalError` where a result does not fit its batch;
    ///   `JournalError`.
    package func nextTokens(_ batches: [Batch], label: String) async throws -> [[Float]] {
        var rows: [[Float]] = []
        try run(Self.tasks(batches, of: nil), label: label) { task, results in
            let entry = try Self.entry(results, of: batches[task])
            let values = entry.buffer.floats
            withExtendedLifetime(entry) {
                for row in 0..<entry.shape[0] {
                    rows.append(Array(values[row * entry.shape[1]..<(row + 1) * entry.shape[1]]))
                }
            }
            blockResults.removeFiles(of: [results])
        }
        return rows
    }

    /// Log-probabilities of some tokens, [prompts × tokens].
    /// - Throws: `FleetError` where the work is given up; `InternalError` where a result does not fit its batch;
    ///   `JournalError`.
    package func nextTokens(_ batches: [Batch], of tokens: [Int32], label: String) async throws -> [[Double]] {
        var rows: [[Double]] = []
        try run(Self.tasks(batches, of: tokens), label: label) { task, results in
            let entry = try Self.entry(results, of: batches[task])
            let values = entry.buffer.doubleArray()
            for row in 0..<entry.shape[0] {
                rows.append(Array(values[row * entry.shape[1]..<(row + 1) * entry.shape[1]]))
            }
        }
        return rows
    }

    /// KL(reference ‖ current model) in nats, one number a prompt; distributions are compared as they come in.
    /// - Throws: `FleetError` where the work is given up; `InternalError` where the reference is of other prompts, or a
    ///   result does not fit its batch; `JournalError`.
    package func divergence(
        _ batches: [Batch], from reference: NextTokenReference, epsilon: Double, label: String
    ) async throws -> [Double] {
        var starts = [0]
        for batch in batches { starts.append(starts[starts.count - 1] + batch.exampleCount) }
        let prompts = starts[batches.count]
        guard prompts == reference.rows.count else {
            throw InternalError("\(reference.rows.count) distributions to compare \(prompts) prompts with")
        }
        let reduction = Reduction(identity: "from \(reference.digest) epsilon \(epsilon)") { task, results in
            let entry = try Self.entry(results, of: batches[task])
            let own = reference.rows[starts[task]..<starts[task + 1]]
            var values: [Double] = []
            for (row, expected) in own.enumerated() {
                guard expected.count == entry.shape[1] else {
                    throw InternalError("distributions over \(expected.count) and \(entry.shape[1]) tokens")
                }
                let place = row * entry.shape[1]
                let found = withExtendedLifetime(entry) { Array(entry.buffer.floats[place..<place + expected.count]) }
                values.append(TokenDivergence.nats(expected, found, epsilon: epsilon))
            }
            for case .file(let path) in results.map(\.bundle) { Files.removeFile(path) }
            return Self.reduced(results, to: values)
        }
        var all: [Double] = []
        try run(Self.tasks(batches, of: nil), label: label, reduction: reduction) { task, results in
            guard let values = try results.last?.load()[Self.divergence]?.buffer.doubleArray(),
                values.count == batches[task].exampleCount
            else { throw InternalError("a comparison on record does not fit its prompts") }
            all += values
        }
        return all
    }

    /// What a comparison is called on record, F64 [prompts].
    private static let divergence = "divergence"

    /// The last stage's result with the comparison in the place of the distributions.
    private static func reduced(_ results: [StageResult], to values: [Double]) -> [StageResult] {
        var results = results
        results[results.count - 1].bundle = .memory(
            TensorBundle(entries: [
                .init(name: divergence, type: .f64, shape: [values.count], buffer: AlignedBuffer(doubles: values))
            ]))
        return results
    }

    private static func tasks(_ batches: [Batch], of tokens: [Int32]?) -> [FleetTask] {
        batches.map { FleetTask(body: .nextTokens(batches: [$0], tokens: tokens), cost: Double($0.tokenCount)) }
    }

    private static func entry(_ results: [StageResult], of batch: Batch) throws -> TensorBundle.Entry {
        guard let entry = try results.last?.load()[ResultName.nextLogProbability],
            entry.shape.count == 2, entry.shape[0] == batch.exampleCount
        else { throw InternalError("a worker's next-token distributions do not fit the batch it was sent") }
        return entry
    }
}
