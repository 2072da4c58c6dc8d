import Protocol
import Selection

/// What a fleet's rates are measured with: some of the study's own texts.
enum PlanSample {
    /// Sequences that are enough for every measurement.
    private static let count = 64

    /// - Throws: `InputError` where a file of the studies cannot be read.
    static func of(_ items: [(study: Study, codec: ChatCodec, evaluator: Evaluator, files: DataFiles)]) throws
        -> RateMeasure.Sample
    {
        var sequences: [Protocol.Sequence] = []
        for (study, codec, evaluator, files) in items {
            for source in [study.calibration?.utility, study.calibration?.safety].compactMap({ $0 }) {
                guard case .pairs(let file, _) = source, sequences.count < count else { continue }
                let pairs = Array(try files.pairs(file).prefix(count))
                sequences += try Calibration.groups(pairs, codec: codec).flatMap(\.sequences)
            }
            for prompt in evaluator.generationGroups().flatMap(\.prompts) where sequences.count < count {
                sequences.append(Protocol.Sequence(tokens: prompt, scoredFrom: max(1, prompt.count / 2)))
            }
        }
        let study = items[0].study
        let limit = min(study.batchTokens, 256)
        sequences = sequences.filter { $0.tokens.count <= limit && $0.scoredFrom < $0.tokens.count }
        let studies = items.map(\.study)
        var statistics: Set<Statistic> = []
        for study in studies where study.calibration != nil {
            switch study.scores.method {
            case .snip where study.needsScores:
                statistics.insert(.absoluteGradient(studies[0].scores.loss))
            case .wanda where study.needsScores:
                statistics.insert(.inputSquares)
            default: break
            }
            if !study.rankSides.isEmpty { statistics.insert(.secondMoments) }
        }
        let trains = studies.contains {
            $0.conditions.contains { if case .fineTune = $0.method { true } else { false } }
        }
        if trains { statistics.insert(.absoluteGradient(studies[0].scores.loss)) }
        return RateMeasure.Sample(
            sequences: sequences, slots: min(study.evaluation.slots, max(1, sequences.count)),
            statistics: statistics.isEmpty ? nil : Array(statistics), batchTokens: study.batchTokens)
    }
}
