import Caching
import Checkpoint
import Datasets
import Evaluation
import Foundation
import ModelService
import OutputFiles
import Selection
import StudyFile
import Tensors

/// Data, scores, subspaces, probes: what conditions are chosen by.
extension StudyRun {
    private var store: ScoreComputation {
        study.scoreComputation(model, modelDigest: modelDigest, codec: codec, kernels: runner.kernels)
    }
    private var cut: [String: String] {
        ScoreComputation.cut(blockExamples: study.blockExamples, batchTokens: study.batchTokens)
    }

    /// Makes the scores of both sides with a method that needs no data.
    /// - Throws: as `ScoreComputation.scoreWithoutData`.
    package func scoreWithoutData() throws {
        announce("\(study.scores.method.rawValue) scores")
        for side in Study.Side.allCases {
            try store.scoreWithoutData(to: folder.scores(side.rawValue))
            try folder.ledger.record(folder.scores(side.rawValue))
        }
    }

    /// A data set's pairs, which are a file of the run.
    func collect(_ step: PairStep) async throws {
        let pairs: [Pair]
        var isAnswered = false
        switch step.content {
        case .read(let read): pairs = read
        case .answered(let request):
            isAnswered = true
            let made = try step.pairs(request, try await runner.generate(request.groups, label: step.label))
            warnings += made.notes
            pairs = made.pairs
        }
        let name = step.side.rawValue
        try PairFile.write(
            pairs, answeredBy: isAnswered ? provenance : nil, thinking: isAnswered ? codec.thinking : nil,
            to: folder.data(name))
        warn(pairs.map(\.prompt), name: name)
        calibrated[step.side] = pairs
    }

    /// Scores and subspaces of the data sets, but for what is on record or in the cache.
    func score(_ step: ScoreStep) async throws {
        let jobs = try step.parts.compactMap { try job($0) }
        if !jobs.isEmpty { try await score(jobs, isScored: jobs.contains { $0.output != nil }) }
        for part in step.parts {
            let (name, pairs) = (part.side.rawValue, try pairs(of: part.side))
            if part.scores { try shared?.remember(folder.scores(name), store.provenance(pairs, cut)) }
            guard part.subspaces else { continue }
            try shared?.remember(folder.subspaces(name), try subspaceProvenance(pairs))
        }
        for side in step.rankSides { try warnOfCaps(side.rawValue) }
    }

    /// - Returns: what is left to compute of a data set; `nil`: nothing.
    private func job(_ part: ScoreStep.Part) throws -> ScoreComputation.Job? {
        let (name, pairs) = (part.side.rawValue, try pairs(of: part.side))
        func isOpen(_ path: String, _ provenance: [String: String], _ what: String) throws -> Bool {
            if try shared?.recall(path, provenance) == true { announce("\(name) \(what): from the cache") }
            return !folder.ledger.holds(path, provenance)
        }
        let scores = try part.scores && isOpen(folder.scores(name), store.provenance(pairs, cut), "scores")
        let moments = try part.subspaces && isOpen(folder.subspaces(name), subspaceProvenance(pairs), "subspaces")
        guard scores || moments else { return nil }
        return ScoreComputation.Job(
            name: name, pairs: pairs, output: scores ? folder.scores(name) : nil,
            moments: moments ? folder.moments(name) : nil)
    }

    private func pairs(of side: Study.Side) throws -> [Pair] {
        guard let pairs = calibrated[side] else { throw InternalError("there are no pairs of \(side.rawValue) yet") }
        return pairs
    }

    private func subspaceProvenance(_ pairs: [Pair]) throws -> [String: String] {
        SubspaceComputation.provenance(try store.momentProvenance(pairs, cut), nil)
    }

    private func score(_ jobs: [ScoreComputation.Job], isScored: Bool) async throws {
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
    private func subspaces(_ side: String) async throws {
        let moments = folder.moments(side)
        let output = folder.subspaces(side)
        announce("\(side) subspaces")
        try await SubspaceComputation(model.config).subspaces(
            moments: moments, limit: nil, runner: runner, to: output,
            metadata: try SafetensorsFile(path: moments).metadata)
        try folder.ledger.record(output)
        try Files.remove(moments)
        try folder.ledger.forget(moments)
    }

    private func warnOfCaps(_ side: String) throws {
        let file = try SubspaceFile(path: folder.subspaces(side))
        let capped = try maps.filter { try file.shape(of: $0.name).columns < $0.rank }
        guard let worst = try capped.min(by: { try file.shape(of: $0.name).columns < file.shape(of: $1.name).columns })
        else { return }
        warnings.append(
            "\(side): the data shows fewer directions than there are in \(capped.count) of \(maps.count) maps (least in \(worst.name): \(try file.shape(of: worst.name).columns) of \(worst.rank)); subspaces are capped at these"
        )
    }

    func findOverlaps(_ plan: Study.OverlapSettings) throws {
        announce("overlap of safety and utility")
        overlaps = try OverlapTable.tables(plan, folder: folder, maps: maps)
        for index in overlaps.indices { overlaps[index].origin = provenance.modelMetadata }
        for table in overlaps {
            try TextFile.write(table.json(), to: folder.overlap(table.measure) + ".json")
            try TextFile.write(table.csv(), to: folder.overlap(table.measure) + ".csv")
        }
    }

    func probeHeads(_ step: ProbeStep) async throws {
        warn(step.prober.prompts, name: "probe")
        announce("probing \(model.config.layerCount * model.config.headCount) attention heads")
        let probe = try await step.prober.probe(
            model.config, step.batches, runner: runner, features: folder.probe + ".features")
        try HeadProbeFile.write(probe, metadata: step.prober.metadata(of: provenance), to: folder.probe)
        self.probe = probe
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
