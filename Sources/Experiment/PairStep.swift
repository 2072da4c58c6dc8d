package import Datasets
package import Evaluation
package import Protocol
package import StudyFile
package import Tensors

/// A data set's pairs: read from a file, or made of the unedited model's own answers.
package struct PairStep: Sendable {
    package enum Content: Sendable {
        case read([Pair])
        case answered(SelfGeneratedAnswers.Request)
    }

    package let side: Study.Side
    package let content: Content
    private let source: Study.PairSource
    private let seed: UInt64
    private let batchTokens: Int

    /// What of the model's answers is kept, and how many of these are drawn.
    package var selection: String {
        guard case .answers(_, _, let keep, let samples, _) = source else { return "" }
        return "\(keep.rawValue) \(samples ?? 0)"
    }

    package var label: String { "own answers (\(side.rawValue))" }

    /// - Throws: `InputError` where the file has too few entries, or one is longer than the model's context.
    package init(
        _ side: Study.Side, _ source: Study.PairSource, study: Study, judge: RefusalJudge, codec: any TextCodec,
        _ files: DataFiles
    ) throws(InputError) {
        (self.side, self.source) = (side, source)
        (seed, batchTokens) = (study.seed, study.batchTokens)
        switch source {
        case .pairs(let file, let samples):
            let pairs = try Sampling.sample(
                try files.pairs(file), count: samples, seed: study.seed, name: side.rawValue, source: file)
            _ = try Calibration.groups(pairs, codec: codec)
            content = .read(pairs)
        case .answers(let file, let limit, let keep, _, let maxNewTokens):
            let prompts = try Sampling.sample(
                try files.prompts(file), count: limit, seed: study.seed, name: "\(side.rawValue) prompts", source: file)
            let own = SelfGeneratedAnswers(
                codec: codec, judge: judge, seed: study.seed, slots: study.evaluation.slots,
                groupPrompts: study.evaluation.groupPrompts)
            content = .answered(try own.request(prompts, source: file, keep: keep, maxNewTokens: maxNewTokens))
        }
    }

    /// The pairs of the model's own answers.
    /// - Parameter answers: one a prompt of the request.
    /// - Returns: the pairs, and what the user should know of them.
    /// - Throws: `InputError` where no answer is kept.
    package func pairs(_ request: SelfGeneratedAnswers.Request, _ answers: [[Int32]]) throws -> (
        pairs: [Pair], notes: [String]
    ) {
        guard case .answers(let file, _, _, let samples, _) = source else { return ([], []) }
        let (kept, unfinished) = try request.pairs(answers)
        var notes: [String] = []
        if !unfinished.isEmpty { notes.append("\(side.rawValue): the model's own answers:\(unfinished)") }
        if let samples, kept.count < samples {
            notes.append(
                "\(side.rawValue): \(samples) pairs were asked for, the model's own answers gave \(kept.count)")
        }
        let pairs = try Sampling.sample(
            kept, count: samples.map { min($0, kept.count) }, seed: seed, name: side.rawValue, source: file)
        return (pairs, notes)
    }

    /// Examples for a plan that does not know the model's answers: as many as may be kept, each as long as it may be.
    package func standIns(_ request: SelfGeneratedAnswers.Request) -> [SequenceGroup] {
        guard case .answers(_, _, _, let samples, let maxNewTokens) = source else { return [] }
        let prompts = request.groups.flatMap(\.prompts)
        return prompts.prefix(samples ?? prompts.count).map { prompt in
            let tokens = Array((prompt + Array(repeating: 0, count: maxNewTokens)).prefix(batchTokens))
            return SequenceGroup(
                name: label, sequences: [.init(tokens: tokens, scoredFrom: min(prompt.count, tokens.count - 1))])
        }
    }
}
