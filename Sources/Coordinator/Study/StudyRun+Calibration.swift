import Checkpoint
import Evaluation
import Foundation
import Selection
import Tensors

/// Data, scores, subspaces, probes: what conditions are chosen by.
extension StudyRun {
    func score() async throws {
        let needsScores = study.needsScores
        let sequential = Set(study.conditions.filter(\.isSequential).flatMap { study.sides(of: $0) })
        let method = study.scores.method
        let rankSides = study.rankSides
        let store = ScoreStore(
            model: model, settings: study.scores, seed: study.seed, modelDigest: modelDigest,
            modelName: study.modelName, codec: codec)
        if needsScores, !method.needsData {
            announce("\(method.rawValue) scores")
            for side in Study.Side.allCases {
                try store.scoreWithoutData(to: folder.scores(side.rawValue))
                try folder.ledger.record(folder.scores(side.rawValue))
            }
        }
        let scoresData = needsScores && method.needsData
        let cut = ScoreStore.cut(blockExamples: study.blockExamples, batchTokens: study.batchTokens)
        guard scoresData || !rankSides.isEmpty || !sequential.isEmpty, let data = study.calibration else { return }
        var jobs: [ScoreStore.Job] = []
        for (side, source) in [(Study.Side.safety, data.safety), (.utility, data.utility)] {
            guard scoresData || rankSides.contains(side) || sequential.contains(side) else { continue }
            let pairs = try await pairs(source, name: side.rawValue)
            try PairFile.write(
                pairs, answeredBy: source.isAnswered ? provenance : nil,
                thinking: source.isAnswered ? codec.thinking : nil, to: folder.data(side.rawValue))
            warn(pairs.map(\.prompt), name: side.rawValue)
            calibrated[side] = pairs
            var needsMoments = rankSides.contains(side)
            if scoresData, try shared?.recall(folder.scores(side.rawValue), store.words(pairs, cut)) == true {
                announce("\(side.rawValue) scores: from the cache")
            }
            if needsMoments {
                let words = RankStore.words(try store.momentWords(pairs, cut), nil)
                if try shared?.recall(folder.subspaces(side.rawValue), words) == true {
                    announce("\(side.rawValue) subspaces: from the cache")
                }
                needsMoments = !folder.ledger.holds(folder.subspaces(side.rawValue), words)
            }
            let needsScores =
                try scoresData
                && !folder.ledger.holds(folder.scores(side.rawValue), store.words(pairs, cut))
            guard needsScores || needsMoments else { continue }
            jobs.append(
                ScoreStore.Job(
                    name: side.rawValue, pairs: pairs, output: needsScores ? folder.scores(side.rawValue) : nil,
                    moments: needsMoments ? folder.moments(side.rawValue) : nil))
        }
        if !jobs.isEmpty { try await score(jobs, store, isScored: jobs.contains { $0.output != nil }) }
        for (side, pairs) in calibrated {
            if scoresData { try shared?.remember(folder.scores(side.rawValue), store.words(pairs, cut)) }
            guard rankSides.contains(side) else { continue }
            try shared?.remember(
                folder.subspaces(side.rawValue), RankStore.words(try store.momentWords(pairs, cut), nil))
        }
        for side in rankSides { try warnOfCaps(side.rawValue) }
    }

    func score(_ jobs: [ScoreStore.Job], _ store: ScoreStore, isScored: Bool) async throws {
        let hasMoments = jobs.contains { $0.moments != nil }
        let what = (isScored ? ["\(study.scores.method.rawValue) scores"] : []) + (hasMoments ? ["second moments"] : [])
        announce(
            "\(what.joined(separator: " and ")) of \(jobs.map { "\($0.pairs.count) \($0.name)" }.joined(separator: " and ")) pairs"
        )
        try await store.score(
            jobs, runner: runner, codec: codec, blockExamples: study.blockExamples, batchTokens: study.batchTokens,
            ledger: folder.ledger)
        for job in jobs where job.moments != nil { try await subspaces(job.name) }
    }

    /// All directions of one data set; the second moments they are made of go.
    func subspaces(_ side: String) async throws {
        let moments = folder.moments(side)
        let output = folder.subspaces(side)
        announce("\(side) subspaces")
        try await RankStore(model.config).subspaces(
            moments: moments, limit: nil, runner: runner, to: output,
            metadata: try SafetensorsFile(path: moments).metadata)
        try folder.ledger.record(output)
        try FileManager.default.removeItem(atPath: moments)
        try folder.ledger.forget(moments)
    }

    func warnOfCaps(_ side: String) throws {
        let file = try SubspaceFile(path: folder.subspaces(side))
        let capped = try maps.filter { try file.shape(of: $0.name).columns < $0.rank }
        guard let worst = try capped.min(by: { try file.shape(of: $0.name).columns < file.shape(of: $1.name).columns })
        else { return }
        warnings.append(
            "\(side): the data shows fewer directions than there are in \(capped.count) of \(maps.count) maps (least in \(worst.name): \(try file.shape(of: worst.name).columns) of \(worst.rank)); subspaces are capped at these"
        )
    }

    func findOverlaps() throws {
        guard let plan = study.overlap else { return }
        announce("overlap of safety and utility")
        overlaps = try OverlapTable.tables(plan, folder: folder, maps: maps)
        for index in overlaps.indices { overlaps[index].origin = provenance.modelMetadata }
        for table in overlaps {
            try TextFile.write(table.json(), to: folder.overlap(table.measure) + ".json")
            try TextFile.write(table.csv(), to: folder.overlap(table.measure) + ".csv")
        }
    }

    func probeHeads() async throws {
        guard let settings = study.probe else { return }
        let harmful = try settings.harmful.read(seed: study.seed, name: "probe harmful", files)
        let harmless = try settings.harmless.read(seed: study.seed, name: "probe harmless", files)
        warn(harmful + harmless, name: "probe")
        announce("probing \(model.config.layerCount * model.config.headCount) attention heads")
        let prober = HeadProber(harmful: harmful, harmless: harmless, seed: study.seed, c: settings.c)
        let probe = try await prober.probe(
            model.config, codec: codec, batchTokens: study.batchTokens, runner: runner,
            features: folder.probe + ".features")
        try HeadProbeFile.write(probe, metadata: prober.metadata(of: provenance), to: folder.probe)
        self.probe = probe
    }

    func pairs(_ source: Study.PairSource, name: String) async throws -> [Pair] {
        switch source {
        case .pairs(let file, let samples):
            return try Sampling.sample(
                try files.pairs(file), count: samples, seed: study.seed, name: name, source: file)
        case .answers(let file, let limit, let keep, let samples, let maxNewTokens):
            let (answers, unfinished) = try await OwnAnswers(
                codec: codec, judge: judges.own, seed: study.seed, slots: study.evaluation.slots,
                groupPrompts: study.evaluation.groupPrompts
            ).pairs(
                try Sampling.sample(
                    try files.prompts(file), count: limit, seed: study.seed, name: "\(name) prompts", source: file),
                source: file, keep: keep, maxNewTokens: maxNewTokens, runner: runner,
                label: "own answers (\(name))")
            if !unfinished.isEmpty { warnings.append("\(name): the model's own answers:\(unfinished)") }
            if let samples, answers.count < samples {
                warnings.append(
                    "\(name): \(samples) pairs were asked for, the model's own answers gave \(answers.count)")
            }
            return try Sampling.sample(
                answers, count: samples.map { min($0, answers.count) }, seed: study.seed, name: name, source: file)
        }
    }

    func warn(_ prompts: [String], name: String) {
        for (evaluated, kind) in [(evaluator.harmful, "harmful"), (evaluator.harmless, "harmless")] {
            guard let line = Sampling.overlapWarning(calibration: prompts, evaluation: evaluated, name: kind) else {
                continue
            }
            // The cells of a grid that see the same pairs say it once.
            if !warnings.contains("\(name): \(line)") { warnings.append("\(name): \(line)") }
        }
    }
}
