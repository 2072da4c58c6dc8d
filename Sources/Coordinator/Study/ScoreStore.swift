package import Checkpoint
package import Protocol
import Selection
import Tensors

#if canImport(Glibc)
    import Glibc
#endif

/// Scores data sets over the fleet, or without one where the method needs no data.
package struct ScoreStore {
    private let model: any WeightSource
    private let settings: Study.Scores
    private let seed: UInt64
    /// For the files' metadata.
    private let modelDigest: String

    package init(model: any WeightSource, settings: Study.Scores, seed: UInt64, modelDigest: String) {
        self.model = model
        self.settings = settings
        self.seed = seed
        self.modelDigest = modelDigest
    }

    /// One data set and where its scores go.
    package struct Job {
        package var name: String
        package var pairs: [Pair]
        package var output: String

        package init(name: String, pairs: [Pair], output: String) {
            self.name = name
            self.pairs = pairs
            self.output = output
        }
    }

    /// What the workers accumulate for this method.
    package var statistics: [Statistic] {
        switch settings.method {
        case .snip: [.absoluteGradient(settings.loss)]
        case .wanda: [.inputSquares]
        case .magnitude, .random: []
        }
    }

    /// Scores all data sets in one job of the fleet and writes one score file each.
    /// - Parameter reuse: leave files that were made of the same model, data and settings as they are.
    package func score(
        _ jobs: [Job], runner: any ModelRunner, codec: any TextCodec, blockExamples: Int, batchTokens: Int,
        reuse: Bool = false
    ) async throws {
        func words(_ job: Job) -> [String: String] {
            metadata(job.pairs).merging(["block_examples": "\(blockExamples)", "batch_tokens": "\(batchTokens)"]) { $1 }
        }
        let jobs = jobs.filter { !reuse || !isMade($0.output, words($0)) }
        guard !jobs.isEmpty else { return }
        var requests: [ScoreRequest] = []
        for job in jobs {
            let blocks = try BatchPacking.blocks(
                try Calibration.groups(job.pairs, codec: codec), examples: blockExamples, maximumTokens: batchTokens)
            requests.append(
                ScoreRequest(name: job.name, statistics: statistics, blocks: blocks, output: job.output + ".folded"))
        }
        try await runner.score(requests, label: "scoring")
        for (job, request) in zip(jobs, requests) {
            let folded = try SafetensorsFile(path: request.output)
            let scores =
                settings.method == .wanda
                ? WeightScores.wanda(model, folded: folded)
                : WeightScores.snip(model, folded: folded, examples: job.pairs.count)
            try ScoreFile.write(scores, to: job.output, metadata: words(job))
            unlink(request.output)
        }
        try runner.scored(requests)
    }

    /// Magnitude or random scores, which need no data.
    package func scoreWithoutData(to path: String) throws {
        let scores =
            settings.method == .random
            ? WeightScores.random(maps: WeightScores.maps(of: model.config), seed: seed) : WeightScores.magnitude(model)
        try ScoreFile.write(scores, to: path, metadata: metadata([]))
    }

    /// Score files appear only when they are whole.
    private func isMade(_ path: String, _ words: [String: String]) -> Bool {
        guard access(path, F_OK) == 0, let file = try? ScoreFile(path: path) else { return false }
        return words.allSatisfy { file.metadata[$0.key] == $0.value }
    }

    private func metadata(_ pairs: [Pair]) -> [String: String] {
        var words = ["method": settings.method.rawValue, "model": modelDigest]
        if settings.method == .snip { words["loss"] = settings.loss.rawValue }
        if settings.method == .random { words["seed"] = "\(seed)" }
        if !pairs.isEmpty {
            words["data"] = PairFile.digest(pairs)
            words["examples"] = "\(pairs.count)"
        }
        return words
    }
}
