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

    package let method: ScansMethod
    /// Different prompts of the evaluation, as tokens, in its order.
    let evaluated: [[Int32]]
    package let blocks: [[Batch]]
    package let statistic = Transition()
    package static let classes = List.allCases.count

    /// - Throws: `InputError` where a list is too short, shares prompts with the other or with the evaluation, or a prompt with
    ///   what is put after it is longer than the model's context; `PackingError`.
    package init(
        _ method: ScansMethod, study: Study, evaluator: Evaluator, codec: any TextCodec, _ files: DataFiles
    ) throws {
        self.method = method
        let harmful = try Self.split(method.harmful, "harmful", method, study, files)
        let harmless = try Self.split(method.harmless, "harmless", method, study, files)
        let own = (harmful: harmful.anchors + harmful.calibration, harmless: harmless.anchors + harmless.calibration)
        try Self.check(own.harmful, own.harmless, method)
        let reported = evaluator.harmful + evaluator.harmless
        try Self.check(own.harmful, of: method.harmful.file, heldOutFrom: reported)
        try Self.check(own.harmless, of: method.harmless.file, heldOutFrom: reported)
        var seen: Set<[Int32]> = []
        evaluated = evaluator.prompts.map(\.tokens).filter { seen.insert($0).inserted }
        let response = try Self.response(method.response, codec)
        var sequences: [TokenSequence] = []
        let lists = [harmful.anchors, harmless.anchors, harmful.calibration, harmless.calibration]
        for (group, texts) in lists.enumerated() {
            for text in texts { sequences.append(try Self.sequence(codec.prompt(text), response, group, codec, text)) }
        }
        for prompt in evaluated {
            sequences.append(try Self.sequence(prompt, response, Self.classes - 1, codec, codec.decode(prompt)))
        }
        blocks = try StatisticStep.blocks(
            sequences, blockExamples: study.blockExamples, batchTokens: study.batchTokens)
    }

    /// Draws the prompts of a list, and of these the ones to calibrate on. All of a study's conditions that draw as many
    /// of a file draw the same.
    private static func split(
        _ set: Study.PromptSet, _ name: String, _ method: ScansMethod, _ study: Study, _ files: DataFiles
    ) throws(InputError) -> (anchors: [String], calibration: [String]) {
        let all = try set.read(seed: study.seed, name: "scans \(name)", files)
        let drawn = try Sampling.sample(
            all, count: method.anchors + method.calibration, seed: study.seed, name: "scans \(name)", source: set.file)
        let held = Set(
            try Sampling.sample(
                Array(drawn.indices), count: method.calibration, seed: study.seed, name: "scans \(name) calibration",
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
        let others = Set(harmless.map(trimmed))
        let both = harmful.filter { others.contains(trimmed($0)) }
        guard let first = both.first else { return }
        throw InputError(
            method.harmless.file,
            "\(both.count) of the prompts drawn for scans are harmful ones of \(method.harmful.file) as well, as \"\(first.prefix(40))\""
        )
    }

    /// - Throws: `InputError` where the evaluation has prompts that the gate is made of.
    private static func check(_ own: [String], of file: String, heldOutFrom evaluated: [String]) throws(InputError) {
        let reported = Set(evaluated.map(trimmed))
        let both = own.filter { reported.contains(trimmed($0)) }
        guard let first = both.first else { return }
        throw InputError(
            file,
            "\(both.count) of the \(own.count) prompts drawn for scans are prompts of the evaluation as well, as \"\(first.prefix(40))\": choose others by skip and first, so that the gate is calibrated on none that is reported"
        )
    }

    /// The tokens that a text has after another one: tokenizers may write a text's first word otherwise at a beginning.
    private static func response(_ text: String, _ codec: any TextCodec) throws(InputError) -> [Int32] {
        let before = codec.encode("a")
        let whole = codec.encode("a" + text)
        let tokens = whole.starts(with: before) ? Array(whole.dropFirst(before.count)) : codec.encode(text)
        guard !tokens.isEmpty else {
            throw InputError("scans.response", "\"\(text)\" has no tokens: this tokenizer knows none of it")
        }
        return tokens
    }

    private static func sequence(
        _ prompt: [Int32], _ response: [Int32], _ group: Int, _ codec: any TextCodec, _ text: String
    ) throws(InputError) -> TokenSequence {
        try ContextLimit.check(
            prompt.count + response.count, codec.longest, "the prompt \"\(text.prefix(40))…\" and scans.response")
        return TokenSequence(tokens: prompt + response, scoredFrom: prompt.count, group: group)
    }

    /// - Parameter output: where the combined rows go.
    package func request(_ name: String, output: String) -> ScoreRequest {
        ScoreRequest(
            name: name, statistics: [statistic.request(classes: Self.classes)], blocks: blocks, output: output,
            isCached: true)
    }
}
