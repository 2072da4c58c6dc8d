package import Checkpoint
import Evaluation
import Protocol
import Selection

/// What is wrong with a study's data, before anything is computed.
extension Study {
    /// Reads the data files that the evaluation does not read, and sees that every text fits the model's context.
    /// - Throws: `InputError`, or `SelectionError` where there are too few prompts to probe with.
    package func check(_ files: DataFiles, codec: any TextCodec) throws {
        _ = try JudgeFile.judges(phrases: refusalPhrases, files)
        for (side, source) in [(Side.safety, calibration?.safety), (.utility, calibration?.utility)] {
            switch source {
            case .pairs(let file, let samples)?:
                let pairs = try Sampling.sample(
                    try files.pairs(file), count: samples, seed: seed, name: side.rawValue, source: file)
                _ = try Calibration.groups(pairs, codec: codec)
            case .answers(let file, let limit, _, _, let maxNewTokens)?:
                let prompts = try Sampling.sample(
                    try files.prompts(file), count: limit, seed: seed, name: "\(side.rawValue) prompts", source: file)
                _ = try OwnAnswers(
                    codec: codec, judge: Judges().own, seed: seed, slots: evaluation.slots,
                    groupPrompts: evaluation.groupPrompts
                ).groups(prompts, source: file, maxNewTokens: maxNewTokens)
            case nil: break
            }
        }
        if let probe {
            let harmful = try probe.harmful.read(seed: seed, name: "probe harmful", files)
            let harmless = try probe.harmless.read(seed: seed, name: "probe harmless", files)
            _ = try HeadProbe.Split(harmful.map { _ in true } + harmless.map { _ in false }, seed: seed)
            _ = try HeadProber(harmful: harmful, harmless: harmless, seed: seed, c: probe.c).batches(
                codec: codec, batchTokens: batchTokens)
        }
        for plan in statistics { _ = try StatisticStep(plan, study: self, codec: codec, files) }
        try checkTrainings(files, codec)
    }

    /// Every number of ranks, heads and shares against the model.
    /// - Throws: `InputError` or `SelectionError`, naming the condition or the map.
    package func check(_ config: ModelConfig) throws {
        try checkRanks(WeightScores.maps(of: config))
        try checkShares(config)
        let heads = config.layerCount * config.headCount
        for condition in conditions {
            guard case .heads(let selection) = condition.method, selection.count > heads else { continue }
            throw InputError(
                "condition \(condition.name)", "\(selection.count) heads were asked for, the model has \(heads)")
        }
    }

    private func checkTrainings(_ files: DataFiles, _ codec: any TextCodec) throws {
        var seen: Set<String> = []
        for run in trainings where seen.insert("\(run.samples ?? -1) \(run.pairs)").inserted {
            let drawn = try Sampling.sample(
                files.pairs(run.pairs), count: run.samples, seed: seed, name: "finetune", source: run.pairs)
            _ = try Calibration.groups(drawn, codec: codec, endOfAnswer: codec.endOfAnswer)
        }
    }
}
