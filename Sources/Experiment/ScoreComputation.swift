import Caching
package import Checkpoint
package import Datasets
package import ModelService
package import OutputFiles
package import Protocol
import Selection
package import StudyFile
import Tensors

#if canImport(Glibc)
    import Glibc
#endif

/// Scores data sets over the fleet, or without one where the method needs no data; second moments in the same pass.
package struct ScoreComputation {
    private let model: any WeightSource
    private let settings: Study.Scores
    private let seed: UInt64
    /// For the files' metadata.
    private let modelDigest: String
    private let name: [String: String]
    /// How pairs become tokens, where files are to say so.
    private let codec: (any TextCodec)?
    /// The fleet's kernel level, where a fleet computes.
    private let kernels: String?

    package init(
        model: any WeightSource, settings: Study.Scores, seed: UInt64, modelDigest: String, modelName: String,
        codec: (any TextCodec)? = nil, kernels: String? = nil
    ) {
        name = [Provenance.nameKey: modelName]
        (self.codec, self.kernels) = (codec, kernels)
        self.model = model
        self.settings = settings
        self.seed = seed
        self.modelDigest = modelDigest
    }

    /// One data set, and where its scores and second moments go (`nil`: not wanted).
    package struct Job {
        package var name: String
        package var pairs: [Pair]
        package var output: String?
        package var moments: String?

        package init(name: String, pairs: [Pair], output: String?, moments: String? = nil) {
            self.name = name
            self.pairs = pairs
            self.output = output
            self.moments = moments
        }
    }

    private var method: ScoreMethod { settings.method }
    private var scoreSettings: ScoreSettings { ScoreSettings(loss: settings.loss, seed: seed) }

    /// What the fleet is asked to collect over a data set.
    /// - Parameters:
    ///   - scores, moments: what is wanted.
    ///   - layer: of one decoder block alone; `nil`: of all.
    ///   - output: the folded file.
    /// - Throws: `PackingError` where an example is larger than a batch.
    package func request(
        _ name: String, _ examples: [SequenceGroup], scores: Bool, moments: Bool, layer: Int? = nil, blockExamples: Int,
        batchTokens: Int, output: String
    ) throws(PackingError) -> ScoreRequest {
        var wanted = (scores ? settings.requests : []) + (moments ? [.secondMoments] : [])
        if let layer { wanted = wanted.map { $0.ofLayer(layer) } }
        let blocks = try BatchPacking.blocks(examples, examples: blockExamples, maximumTokens: batchTokens)
        return ScoreRequest(name: name, statistics: wanted, blocks: blocks, output: output)
    }

    /// Scores all data sets in one job of the fleet: one pass a data set, whatever is wanted of it.
    /// - Parameters:
    ///   - ledger: what is on record there, of the same model, data and settings, is left as it is; what is made is recorded.
    ///   - block: of one decoder block alone, on a model whose edit is known by `edited`.
    /// - Throws: what the runner throws; `InputError` naming a pair that cannot be laid out; `PackingError` where one
    ///   is larger than a batch; `SelectionError` where the method cannot score; `TensorFileError` where a file cannot
    ///   be read or written.
    package func score(
        _ jobs: [Job], runner: any ModelRunner, codec: any TextCodec, blockExamples: Int, batchTokens: Int,
        ledger: RunLedger? = nil, block: (layer: Int, edited: String)? = nil
    ) async throws {
        var cut = Self.cut(blockExamples: blockExamples, batchTokens: batchTokens)
        if let block { cut.merge(["layer": "\(block.layer)", "edited": block.edited]) { $1 } }
        let own = cut
        func provenance(_ job: Job) throws -> [String: String] { try self.provenance(job.pairs, own) }
        var open: [(job: Job, request: ScoreRequest)] = []
        for var job in jobs {
            if let output = job.output, try ledger?.holds(output, provenance(job)) == true { job.output = nil }
            if let moments = job.moments, try ledger?.holds(moments, momentProvenance(job.pairs, own)) == true {
                job.moments = nil
            }
            guard let first = job.output ?? job.moments else { continue }
            let request = try request(
                job.name, Calibration.groups(job.pairs, codec: codec), scores: job.output != nil,
                moments: job.moments != nil, layer: block?.layer, blockExamples: blockExamples,
                batchTokens: batchTokens, output: first + ".folded")
            open.append((job, request))
        }
        guard !open.isEmpty else { return }
        let requests = open.map(\.request)
        let receipt = try await runner.score(requests, label: block.map { "block \($0.layer): scoring" } ?? "scoring")
        for (job, request) in open {
            let folded = try SafetensorsFile(path: request.output)
            if let moments = job.moments {
                try writeMoments(
                    folded, to: moments, metadata: try momentProvenance(job.pairs, own).merging(name) { $1 })
                try ledger?.record(moments)
            }
            if let output = job.output {
                let scores = try method.scores(
                    ScoreInputs(
                        model: model, folded: folded, examples: job.pairs.count, layer: block?.layer,
                        settings: scoreSettings))
                try ScoreFile.write(scores, to: output, metadata: try provenance(job).merging(name) { $1 })
                try ledger?.record(output)
            }
            Files.removeFile(request.output)
        }
        try runner.release(receipt)
    }

    /// Scores that need no data.
    /// - Throws: `SelectionError` where the method cannot score; `CheckpointError` where the model cannot be read;
    ///   `TensorFileError` where the file cannot be written.
    package func scoreWithoutData(to path: String) throws {
        let scores = try method.scores(ScoreInputs(model: model, settings: scoreSettings))
        try ScoreFile.write(scores, to: path, metadata: try metadata([]).merging(name) { $1 })
    }

    private func writeMoments(_ folded: SafetensorsFile, to path: String, metadata: [String: String]) throws {
        let all = StatisticExtent(layers: 0..<model.config.layerCount)
        let names = Set(SecondMoments().tensors(model.config, all).map(\.name))
        let tensors = folded.tensors.filter { names.contains($0.name) }
        try SafetensorsWriter.write(to: path, tensors: tensors, metadata: metadata) { tensor, sink in
            _ = try folded.withBytes(of: tensor.name) { try sink($0) }
        }
    }

    /// Metadata that identify the inputs of a score file: model, data, tokens, method, batching, kernels. Two files with equal ones hold
    /// equal scores.
    /// - Throws: `InputError` naming a pair that cannot be laid out.
    package func provenance(_ pairs: [Pair], _ cut: [String: String]) throws -> [String: String] {
        try metadata(pairs).merging(cut) { $1 }
    }

    private func metadata(_ pairs: [Pair]) throws -> [String: String] {
        try method.provenance(scoreSettings).merging(["model": modelDigest]) { $1 }.merging(data(pairs)) { $1 }
    }

    /// How data are cut, for metadata.
    package static func cut(blockExamples: Int, batchTokens: Int) -> [String: String] {
        ["block_examples": "\(blockExamples)", "batch_tokens": "\(batchTokens)"]
    }

    /// What second moments, and what is made of them, depend on.
    /// - Throws: `InputError` naming a pair that cannot be laid out.
    package func momentProvenance(_ pairs: [Pair], _ cut: [String: String]) throws -> [String: String] {
        ["model": modelDigest, "statistic": SecondMoments.name].merging(try data(pairs)) { $1 }.merging(cut) { $1 }
    }

    private func data(_ pairs: [Pair]) throws -> [String: String] {
        guard !pairs.isEmpty else { return [:] }
        var provenance = ["data": PairFile.digest(pairs), "examples": "\(pairs.count)"]
        provenance[Provenance.levelKey] = kernels
        if let codec {
            provenance["tokens"] = try CacheKeys.digest(pairs, codec: codec)
            provenance["thinking"] = codec.thinking
        }
        return provenance
    }
}

extension Study.Scores {
    /// What the workers are asked to collect for the method.
    package var requests: [StatisticRequest] { statistics.map { $0.request() } }
}

extension Study {
    /// - Parameters:
    ///   - model: reads the weights that scores are made of.
    ///   - kernels: the fleet's kernel level.
    package func scoreComputation(
        _ model: any WeightSource, modelDigest: String, codec: any TextCodec, kernels: String?
    ) -> ScoreComputation {
        ScoreComputation(
            model: model, settings: scores, seed: seed, modelDigest: modelDigest, modelName: modelName, codec: codec,
            kernels: kernels)
    }
}
