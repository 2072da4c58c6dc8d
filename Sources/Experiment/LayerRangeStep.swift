package import Checkpoint
package import Datasets
package import Protocol
package import Selection
package import StudyFile

/// The search for a study's safety layers, as far as it is known before the run: prompts, and what is asked of every range
/// (Safety Layers, arXiv 2408.17003, section 3.3).
package struct LayerRangeStep: Sendable {
    package static let label = "layer range"

    package let plan: Study.LayerRangePlan
    let prompts: [String]
    let tokens: [[Int32]]
    /// How a range is tried: greedy answers to all prompts.
    package let groups: [TaskBody.Generation]
    private let config: ModelConfig

    /// - Throws: `InputError` where the start is none of the model's, the list cannot be read, or a prompt is longer than the
    ///   model's context.
    package init(
        _ plan: Study.LayerRangePlan, study: Study, config: ModelConfig, codec: any TextCodec, _ files: DataFiles
    ) throws {
        (self.plan, self.config) = (plan, config)
        try plan.check(config)
        prompts = try plan.prompts.read(seed: study.seed, name: Self.label, files)
        var tokens: [[Int32]] = []
        for text in prompts {
            let prompt = try codec.prompt(text)
            try ContextLimit.check(
                prompt: prompt, text, new: plan.maxNewTokens, codec.longest, source: plan.prompts.file)
            tokens.append(prompt)
        }
        self.tokens = tokens
        let size = study.evaluation.groupPrompts
        groups = stride(from: 0, to: tokens.count, by: size).map { start in
            let part = start..<min(tokens.count, start + size)
            return TaskBody.Generation(
                prompts: Array(tokens[part]), slots: study.evaluation.slots, maxNewTokens: plan.maxNewTokens,
                stopTokens: codec.stopTokens, temperature: 0, seed: study.seed, streams: part.map { UInt64($0) })
        }
    }

    /// All that decides what the search asks.
    /// - Parameters:
    ///   - judge: counts the refusals.
    ///   - curves: what the first range is read off, where it is.
    /// - Throws: `ProtocolError` where a group is too large to be sent.
    func words(judge: String, curves: String) throws -> String {
        let parts = [
            "layer range", plan.start.map { "\($0.layers)" } ?? "\(plan.rule) \(curves)", "\(plan.alpha)",
            "\(plan.reach)",
            "\(plan.aim)", "\(plan.maps)", judge,
        ]
        return (parts + (try groups.map { try TaskBody.generate($0).digest() })).joined(separator: "; ")
    }

    package func edit(_ layers: Range<Int>) -> ScaledWeights {
        ScaledWeights(layers, plan.maps, by: Float(plan.alpha), of: config)
    }

    /// The sweeps from a first range.
    package func search(from start: Range<Int>) -> LayerRangeSearch {
        LayerRangeSearch(from: start, layerCount: config.layerCount, reach: plan.reach, aim: plan.aim)
    }

    /// The first range, where it is given; the model's middle third stands in for one that is read off the curves.
    package var standIn: Range<Int> {
        if let start = plan.start { return start.layers }
        let third = config.layerCount / 3
        return third..<max(third + 1, config.layerCount - third)
    }

    /// Ranges that are tried, with the unscaled model, where the sweeps begin at the stand-in and choose it.
    package var trialCount: Int {
        let search = search(from: standIn)
        // The range that the first sweep chose is not tried again.
        return search.lastSweep.count + search.firstSweep(to: standIn.upperBound - 1).count
    }
}
