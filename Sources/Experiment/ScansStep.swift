package import Checkpoint
package import Datasets
package import ModelService
package import Protocol
package import Selection
package import StudyFile
import Tensors

/// The prompts of a `scans` condition, drawn and packed, and what is collected of them on the unedited model.
package struct ScansStep: Sendable {
    /// The classes of prompts, in the order in which they are collected.
    enum List: String, CaseIterable {
        case anchorHarmful = "anchor_harmful"
        case anchorHarmless = "anchor_harmless"
        case calibrationHarmful = "calibration_harmful"
        case calibrationHarmless = "calibration_harmless"
        /// What the evaluation puts, each once.
        case evaluated
    }

    /// A prompt that is classified: as it stands in its file, and with its template, as it is put.
    package typealias Prompt = (text: String, tokens: [Int32])

    package let method: ScansMethod
    /// The different prompts that are classified, in their order.
    package let evaluated: [Prompt]
    package let blocks: [[Batch]]
    package let statistic = Transition()
    package static let classes = List.allCases.count

    /// - Throws: what the other initialiser throws.
    package init(
        _ method: ScansMethod, study: Study, evaluator: Evaluator, codec: any TextCodec, _ files: DataFiles
    ) throws {
        try self.init(
            method, seed: study.seed, blockExamples: study.blockExamples, batchTokens: study.batchTokens,
            evaluated: evaluator.prompts.map { ($0.text, $0.tokens) }, named: "the evaluation", codec: codec, files)
    }

    /// - Parameters:
    ///   - prompts: what is classified; one that is there twice is collected once.
    ///   - name: whose prompts these are, for errors.
    /// - Throws: `InputError` where a list is too short, shares prompts with the other or with what is classified, or a prompt
    ///   with what is put after it is longer than the model's context; `PackingError`.
    package init(
        _ method: ScansMethod, seed: UInt64, blockExamples: Int, batchTokens: Int, evaluated prompts: [Prompt],
        named name: String, codec: any TextCodec, _ files: DataFiles
    ) throws {
        self.method = method
        let harmful = try Self.split(method.harmful, "harmful", method, seed, files)
        let harmless = try Self.split(method.harmless, "harmless", method, seed, files)
        let own = (harmful: harmful.anchors + harmful.calibration, harmless: harmless.anchors + harmless.calibration)
        try Self.check(own.harmful, own.harmless, method)
        let reported = Set(prompts.map { trimmed($0.text) })
        try Self.check(own.harmful, of: method.harmful.file, heldOutFrom: reported, of: name)
        try Self.check(own.harmless, of: method.harmless.file, heldOutFrom: reported, of: name)
        var seen: Set<[Int32]> = []
        evaluated = prompts.filter { seen.insert($0.tokens).inserted }
        let response = try Self.response(method.response, codec)
        var sequences: [TokenSequence] = []
        let lists = [harmful.anchors, harmless.anchors, harmful.calibration, harmless.calibration]
        for (group, texts) in lists.enumerated() {
            for text in texts { sequences.append(try Self.sequence(codec.prompt(text), response, group, codec, text)) }
        }
        for (_, tokens) in evaluated {
            sequences.append(try Self.sequence(tokens, response, Self.classes - 1, codec, codec.decode(tokens)))
        }
        blocks = try StatisticStep.blocks(sequences, blockExamples: blockExamples, batchTokens: batchTokens)
    }

    /// Draws the prompts of a list, and of these the ones to calibrate on. All of a study's conditions that draw as many
    /// of a file draw the same.
    private static func split(
        _ set: Study.PromptSet, _ name: String, _ method: ScansMethod, _ seed: UInt64, _ files: DataFiles
    ) throws(InputError) -> (anchors: [String], calibration: [String]) {
        let all = try set.read(seed: seed, name: "scans \(name)", files)
        let drawn = try Sampling.sample(
            all, count: method.anchors + method.calibration, seed: seed, name: "scans \(name)", source: set.file)
        let held = Set(
            try Sampling.sample(
                Array(drawn.indices), count: method.calibration, seed: seed, name: "scans \(name) calibration",
                source: set.file))
        return (
            drawn.indices.filter { !held.contains($0) }.map { drawn[$0] },
            drawn.indices.filter(held.contains).map { drawn[$0] }
        )
    }

    /// No prompt is harmful and harmless, and no anchor calibrates.
    private static func check(_ harmful: [String], _ harmless: [String], _ method: ScansMethod) throws(InputError) {
        for (list, file) in [(harmful, method.harmful.file), (harmless, method.harmless.file)] {
            guard Set(list.map(trimmed)).count < list.count else { continue }
            throw InputError(file, "has a prompt twice, which would be an anchor of scans and calibrate it as well")
        }
        try PromptLists.checkDisjoint(
            harmful: harmful, harmless: harmless, files: (method.harmful.file, method.harmless.file), step: "scans")
    }

    /// - Throws: `InputError` where the gate would be made of prompts that it is to classify.
    private static func check(
        _ own: [String], of file: String, heldOutFrom reported: Set<String>, of name: String
    ) throws(InputError) {
        let both = own.filter { reported.contains(trimmed($0)) }
        guard let first = both.first else { return }
        throw InputError(
            file,
            "\(both.count) of the \(own.count) prompts drawn for scans are prompts of \(name) as well, as \"\(first.prefix(40))\": choose others, so that the gate is calibrated on none that is reported"
        )
    }

    /// The tokens that a text has after another one: tokenizers may write a text's first word otherwise at a beginning.
    private static func response(_ text: String, _ codec: any TextCodec) throws(InputError) -> [Int32] {
        let before = codec.encode("a")
        let whole = codec.encode("a" + text)
        let tokens = whole.starts(with: before) ? Array(whole.dropFirst(before.count)) : codec.encode(text)
        guard !tokens.isEmpty else {
            throw InputError("the response of scans", "\"\(text)\" has no tokens: this tokenizer knows none of it")
        }
        return tokens
    }

    private static func sequence(
        _ prompt: [Int32], _ response: [Int32], _ group: Int, _ codec: any TextCodec, _ text: String
    ) throws(InputError) -> TokenSequence {
        try ContextLimit.check(
            prompt.count + response.count, codec.longest, "the prompt \"\(text.prefix(40))…\" and the response of scans"
        )
        return TokenSequence(tokens: prompt + response, scoredFrom: prompt.count, group: group)
    }

    /// - Parameter output: where the combined rows go.
    package func request(_ name: String, output: String) -> ScoreRequest {
        ScoreRequest(
            name: name, statistics: [statistic.request(classes: Self.classes)], blocks: blocks, output: output,
            isCached: true)
    }

    /// Collects the states of all prompts on the unedited model, and calibrates the gate.
    /// - Parameters:
    ///   - name: what it is for.
    ///   - output: where the combined rows lie meanwhile.
    /// - Throws: `SelectionError`, `TensorFileError`, and what the runner throws.
    package func fit(
        _ name: String, of config: ModelConfig, runner: any ModelRunner, output: String
    ) async throws -> ScansFit {
        try await runner.apply(nil)
        defer { Files.removeFile(output) }
        let receipt = try await runner.score([request(name, output: output)], label: "\(name): gate")
        let fit = try ScansFit(try TensorBundle(mapping: output), method, config)
        try runner.release(receipt)
        return fit
    }
}
