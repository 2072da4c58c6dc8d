import Evaluation
import Protocol
import Selection

/// What is wrong with a study's data, before anything is computed.
extension StudyRun {
    /// Reads every file, and sees that every text fits the model's context.
    func checkFiles() throws {
        let data = study.calibration
        for (side, source) in [(Study.Side.safety, data?.safety), (.utility, data?.utility)] {
            switch source {
            case .pairs(let file, let samples)?:
                let pairs = try Sampling.sample(
                    try PairFile.read(file), count: samples, seed: study.seed, name: side.rawValue, source: file)
                _ = try Calibration.groups(pairs, codec: codec)
            case .answers(let file, let limit, _, _, let maxNewTokens)?:
                let prompts = try Sampling.sample(
                    try PromptFile.read(file), count: limit, seed: study.seed, name: "\(side.rawValue) prompts",
                    source: file)
                _ = try OwnAnswers(
                    codec: codec, judge: judges.own, seed: study.seed, slots: study.evaluation.slots,
                    groupPrompts: study.evaluation.groupPrompts
                ).groups(prompts, source: file, maxNewTokens: maxNewTokens)
            case nil: break
            }
        }
        if let probe = study.probe {
            let harmful = try probe.harmful.read(seed: study.seed, name: "probe harmful")
            let harmless = try probe.harmless.read(seed: study.seed, name: "probe harmless")
            _ = try HeadProbe.Split(harmful.map { _ in true } + harmless.map { _ in false }, seed: study.seed)
            _ = try HeadProber(harmful: harmful, harmless: harmless, seed: study.seed, c: probe.c).batches(
                codec: codec, batchTokens: study.batchTokens)
        }
        try checkTrainings()
    }

    private func checkTrainings() throws {
        var files: [String: [Pair]] = [:]
        var seen: Set<String> = []
        for run in study.trainings where seen.insert("\(run.samples ?? -1) \(run.pairs)").inserted {
            let pairs = try files[run.pairs] ?? PairFile.read(run.pairs)
            files[run.pairs] = pairs
            let drawn = try Sampling.sample(
                pairs, count: run.samples, seed: study.seed, name: "finetune", source: run.pairs)
            _ = try Calibration.groups(drawn, codec: codec, endOfAnswer: codec.endOfAnswer)
        }
    }

    /// What the user should know of a condition's results.
    static func warnings(_ result: ConditionResult) -> [String] {
        var lines: [String] = []
        switch result.remark {
        case .changesNothing(let reason)?: lines.append("condition \(result.name) changes nothing: \(reason)")
        case .keepsNothing(let reason)?: lines.append("condition \(result.name) keeps nothing: \(reason)")
        case .notFinite(let reason)?: lines.append("condition \(result.name) has no measures: \(reason)")
        case nil: break
        }
        let (count, all) = result.unfinished
        if count > 0 {
            lines.append(
                "condition \(result.name): \(count) of \(all) answers ended inside their thinking; they count neither as refusals nor as successes: allow more new tokens"
            )
        }
        return lines
    }
}
