package import Evaluation
package import ModelService
package import Protocol
package import Tensors

/// A runner that answers some requests in its own way and hands all others on to a `FakeRunner`.
package protocol ForwardingRunner: ModelRunner {
    var fake: FakeRunner { get }
}

extension ForwardingRunner {
    package var kernels: String { fake.kernels }
    package func use(_ state: ModelState) async throws { try await fake.use(state) }
    package func score(_ requests: [ScoreRequest], label: String) async throws -> ScoreReceipt {
        try await fake.score(requests, label: label)
    }
    package func release(_ receipt: ScoreReceipt) throws { try fake.release(receipt) }
    package func likelihood(_ batches: [Batch], label: String) async throws -> [SequenceScore] {
        try await fake.likelihood(batches, label: label)
    }
    package func nextTokens(_ batches: [Batch], label: String) async throws -> [[Float]] {
        try await fake.nextTokens(batches, label: label)
    }
    package func nextTokens(_ batches: [Batch], of tokens: [Int32], label: String) async throws -> [[Double]] {
        try await fake.nextTokens(batches, of: tokens, label: label)
    }
    package func divergence(
        _ batches: [Batch], from reference: NextTokenReference, epsilon: Double, label: String
    ) async throws -> [Double] {
        try await fake.divergence(batches, from: reference, epsilon: epsilon, label: label)
    }
    package func generate(_ groups: [TaskBody.Generation], label: String) async throws -> [[Int32]] {
        try await fake.generate(groups, label: label)
    }
    package func train(_ request: TrainingRequest, label: String) async throws -> [Float] {
        try await fake.train(request, label: label)
    }
    package func trainedWeights(_ body: (TensorBundle) throws -> Void) async throws {
        try await fake.trainedWeights(body)
    }
    package func compute(_ request: RankRequest, label: String) async throws {
        try await fake.compute(request, label: label)
    }
    package func concluded() throws { try fake.concluded() }
    package func shutdown() async { await fake.shutdown() }
}
