import Selection

extension Study {
    /// Reads the data files that the evaluation does not read, so that bad input ends a run before it begins.
    /// - Throws: `InputError`, or `SelectionError` where there are too few prompts to probe with.
    package func check(_ files: DataFiles) throws {
        for source in [calibration?.safety, calibration?.utility] {
            switch source {
            case .pairs(let file, _)?: _ = try files.pairs(file)
            case .answers(let prompts, _, _, _, _)?: _ = try files.prompts(prompts)
            case nil: break
            }
        }
        if let probe {
            let harmful = try probe.harmful.read(seed: seed, name: "probe", files)
            let harmless = try probe.harmless.read(seed: seed, name: "probe", files)
            _ = try HeadProbe.Split(harmful.map { _ in true } + harmless.map { _ in false }, seed: seed)
        }
        for run in trainings {
            _ = try Sampling.sample(
                files.pairs(run.pairs), count: run.samples, seed: seed, name: "finetune", source: run.pairs)
        }
    }
}
