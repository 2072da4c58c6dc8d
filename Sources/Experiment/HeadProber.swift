package import Checkpoint
package import Datasets
package import ModelService
package import Protocol
package import Selection
import Tensors

#if canImport(Glibc)
    import Glibc
#endif

/// Probes a model's attention heads over the fleet.
package struct HeadProber {
    private let harmful: [String]
    private let harmless: [String]
    private let seed: UInt64
    private let c: Double

    /// - Parameter c: inverse strength of the classifiers' penalty.
    package init(harmful: [String], harmless: [String], seed: UInt64, c: Double) {
        self.harmful = harmful
        self.harmless = harmless
        self.seed = seed
        self.c = c
    }

    /// What a probe was made of, for its file.
    package func metadata(of model: Provenance) -> [(String, String)] {
        func digest(_ prompts: [String]) -> String { Digest.sha256(prompts.flatMap { Array($0.utf8) + [0] }) }
        return model.modelMetadata.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } + [
            ("harmful", digest(harmful)), ("harmless", digest(harmless)), ("c", "\(c)"), ("seed", "\(seed)"),
        ]
    }

    private var labels: [Bool] { harmful.map { _ in true } + harmless.map { _ in false } }
    var prompts: [String] { harmful + harmless }

    /// - Throws: `SelectionError` where there are too few prompts to train and rank the classifiers with.
    func check() throws { _ = try HeadProbe.Split(labels, seed: seed) }

    /// Runs every prompt as a user's turn through the model as it is, and trains the classifiers.
    /// - Parameters:
    ///   - batches: the prompts as they are computed.
    ///   - features: where the head outputs lie meanwhile.
    /// - Throws: `SelectionError`, and what the fleet throws.
    package func probe(
        _ config: ModelConfig, _ batches: [Batch], runner: any ModelRunner, features path: String
    ) async throws -> HeadProbe {
        defer { Files.removeFile(path) }
        let request = Self.request(batches, output: path)
        try await runner.score([request], label: "head outputs of \(labels.count) prompts")
        return try HeadProbe(try SafetensorsFile(path: path), config: config, labels: labels, seed: seed, c: c)
    }

    /// - Parameter output: where the head outputs go.
    package static func request(_ batches: [Batch], output: String) -> ScoreRequest {
        ScoreRequest(
            name: "head outputs", statistics: [.headOutput], blocks: batches.map { [$0] }, output: output,
            isCached: true)
    }

    /// All prompts as they are computed.
    /// - Throws: `InputError` where one is longer than the model's context.
    package func batches(codec: any TextCodec, batchTokens: Int) throws -> [Batch] {
        let sequences = try (harmful + harmless).map { text in
            let tokens = try codec.prompt(text)
            return TokenSequence(tokens: tokens, scoredFrom: tokens.count)
        }
        for (text, sequence) in zip(harmful + harmless, sequences) {
            try ContextLimit.check(
                sequence.tokens.count, codec.longest, "the prompt \"\(text.prefix(40))…\"")
        }
        let groups = SequenceGroup.sharingPrefix(sequences, name: "prompts", maximumTokens: batchTokens)
        // A prompt may be as long as the model's context, whatever a batch holds.
        return try BatchPacking.pack(groups, maximumTokens: batchTokens, letsLargeAlone: true)
    }
}
