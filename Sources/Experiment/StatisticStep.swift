package import Checkpoint
package import Datasets
package import ModelService
package import Protocol
import Selection
package import StudyFile
import Tensors

/// A statistic of a study's own: the blocks of prompts that it is collected over, and the file that it becomes.
package struct StatisticStep: Sendable {
    package let plan: Study.StatisticSettings
    /// Of every list, in the classes' order.
    let prompts: [[String]]
    package let blocks: [[Batch]]
    /// How the blocks were cut, for the file.
    private let cut: [String: String]
    private let statistic: any Statistic

    /// - Throws: `InputError` where a list cannot be read or a prompt is longer than the model's context; `SelectionError`
    ///   where a list is empty; `PackingError`.
    package init(_ plan: Study.StatisticSettings, study: Study, codec: any TextCodec, _ files: DataFiles) throws {
        self.plan = plan
        statistic = try plan.request.statistic()
        var (texts, sequences): ([[String]], [TokenSequence]) = ([], [])
        for (group, list) in plan.lists.enumerated() {
            let own =
                try list.prompts.hasResponses
                ? Self.pairs(list, plan, study, codec, files)
                : Self.prompts(list, plan, statistic, study, codec, files)
            guard !own.texts.isEmpty else {
                throw SelectionError.tooFew(
                    what: "\(list.name) prompts for statistic \(plan.name)", wanted: 1, available: 0)
            }
            texts.append(own.texts)
            for (text, var sequence) in zip(own.texts, own.sequences) {
                guard sequence.scoredFrom >= statistic.leastPromptTokens else {
                    throw InputError(
                        "statistic \(plan.name)",
                        "the prompt \"\(text.prefix(40))\" has \(sequence.scoredFrom) tokens, and at least \(statistic.leastPromptTokens) are looked at"
                    )
                }
                sequence.group = group
                sequences.append(sequence)
            }
        }
        prompts = texts
        cut = ScoreComputation.cut(blockExamples: study.blockExamples, batchTokens: study.batchTokens)
        blocks = try Self.blocks(sequences, blockExamples: study.blockExamples, batchTokens: study.batchTokens)
    }

    /// Prompts in blocks, and these in batches.
    /// - Throws: `PackingError`.
    static func blocks(
        _ sequences: [TokenSequence], blockExamples: Int, batchTokens: Int
    ) throws(PackingError) -> [[Batch]] {
        var blocks: [[Batch]] = []
        for start in stride(from: 0, to: sequences.count, by: blockExamples) {
            let part = Array(sequences[start..<min(sequences.count, start + blockExamples)])
            let groups = SequenceGroup.sharingPrefix(part, name: "prompts", maximumTokens: batchTokens)
            // A prompt may be as long as the model's context, whatever a batch holds.
            blocks.append(try BatchPacking.pack(groups, maximumTokens: batchTokens, letsLargeAlone: true))
        }
        return blocks
    }

    /// A list's prompts as a user's turn each.
    private static func prompts(
        _ list: (name: String, prompts: Study.PromptSet), _ plan: Study.StatisticSettings, _ statistic: any Statistic,
        _ study: Study, _ codec: any TextCodec, _ files: DataFiles
    ) throws -> (texts: [String], sequences: [TokenSequence]) {
        guard !statistic.needsResponses else {
            throw InputError(
                "statistic \(plan.name)",
                "looks at response tokens alone, and \(list.prompts.file) has prompts: name a file of pairs, as in \(list.name): {pairs: FILE}"
            )
        }
        let texts = try list.prompts.read(seed: study.seed, name: "\(plan.name) \(list.name)", files)
        let sequences = try texts.map { text in
            let tokens = try codec.prompt(text)
            try ContextLimit.check(tokens.count, codec.longest, "the prompt \"\(text.prefix(40))…\"")
            return TokenSequence(tokens: tokens, scoredFrom: tokens.count)
        }
        return (texts, sequences)
    }

    /// A list's pairs, as scores see them.
    private static func pairs(
        _ list: (name: String, prompts: Study.PromptSet), _ plan: Study.StatisticSettings, _ study: Study,
        _ codec: any TextCodec, _ files: DataFiles
    ) throws -> (texts: [String], sequences: [TokenSequence]) {
        let pairs = try list.prompts.readPairs(seed: study.seed, name: "\(plan.name) \(list.name)", files)
        return (pairs.map(\.prompt), try Calibration.groups(pairs, codec: codec).flatMap(\.sequences))
    }

    package var promptCount: Int { prompts.reduce(0) { $0 + $1.count } }

    /// What it is called in progress, warnings and plans.
    package var label: String { "statistic \(plan.name)" }

    /// Bytes of the file's tensors, at most.
    package func byteCount(_ config: ModelConfig) -> Int {
        statistic.byteCount(
            config,
            StatisticExtent(layers: 0..<config.layerCount, examples: promptCount, classes: plan.request.classes))
    }

    /// What the file depends on, as it says itself.
    /// - Throws: `ProtocolError` where a block is too large to be sent.
    package func provenance(modelDigest: String) throws -> [String: String] {
        let digests = try blocks.map { try TaskBody.score(statistics: [plan.request], batches: $0).digest() }
        var provenance = ["model": modelDigest, "statistic": plan.request.name]
        for (key, value) in plan.request.options { provenance["option_\(key)"] = value }
        for (list, texts) in zip(plan.lists, prompts) { provenance["\(list.name)_prompts"] = "\(texts.count)" }
        provenance["blocks"] = Digest.sha256(Array(digests.joined(separator: "\n").utf8))
        return provenance.merging(cut) { $1 }
    }

    /// - Parameter output: where the combined tensors go.
    package func request(output: String) -> ScoreRequest {
        ScoreRequest(name: plan.name, statistics: [plan.request], blocks: blocks, output: output)
    }

    /// Makes the study's file of the combined tensors.
    /// - Throws: `TensorFileError`, or `SelectionError` where a tensor is missing.
    func write(_ combined: String, to path: String, metadata: [String: String]) throws {
        let entries = try statistic.finished(
            try TensorBundle(mapping: combined), classes: plan.lists.map(\.name))
        try TensorBundle(metadata: metadata, entries: entries).write(safetensors: path)
    }
}
