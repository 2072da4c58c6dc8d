import Caching
import Checkpoint
import Datasets
import Foundation
import ModelService
import OutputFiles
import Protocol
import Selection
import StudyFile
import Tensors

/// Edits that are found block by block: every decoder block's scores or subspaces come from data that ran through the
/// blocks already edited, as the code published with arXiv 2402.05162 does it (`order: sequential`).
///
/// It costs a pass over the data for every block. What a block came to stays in the run's folder until the whole edit is
/// written, so that a run that is started again goes on at its block.
struct BlockByBlock {
    let study: Study
    /// The data sets that the condition looks at, in the order it takes them.
    let sides: [Study.Side]
    let model: any WeightSource
    let modelDigest: String
    let runner: any ModelRunner
    let codec: any TextCodec
    let folder: RunFolder
    /// The pairs of each side.
    let pairs: [Study.Side: [Pair]]
    let shared: SharedFiles?

    private var layers: Range<Int> { 0..<model.config.layerCount }
    private var store: ScoreComputation {
        study.scoreComputation(model, modelDigest: modelDigest, codec: codec, kernels: runner.kernels)
    }

    /// What the finished edit depends on, for its metadata.
    func provenance(_ condition: Study.Condition) throws -> [String: String] {
        var provenance = [
            "condition": condition.name, "selection": condition.title, "model": modelDigest, "order": "sequential",
            "scores": "\(study.scores.method.rawValue) \(study.scores.loss.rawValue)",
            "block_examples": "\(study.blockExamples)", "batch_tokens": "\(study.batchTokens)",
            Provenance.levelKey: runner.kernels,
        ]
        for side in sides {
            provenance["data_\(side.rawValue)"] = PairFile.digest(pairs[side]!)
            provenance["tokens_\(side.rawValue)"] = try CacheKeys.digest(pairs[side]!, codec: codec)
        }
        return provenance
    }

    /// Weights of all blocks.
    /// - Parameters:
    ///   - inputs: what the choice is made of; its scores are those of the block in question.
    ///   - choose: makes the block's mask.
    func mask(
        _ condition: Study.Condition, _ inputs: EditInputs, _ choose: (EditInputs) throws -> Mask
    ) async throws -> Mask {
        let provenance = try provenance(condition)
        let target = folder.mask(condition.name)
        _ = try shared?.recall(target, provenance)
        if folder.ledger.holds(target, provenance) { return try Mask(contentsOf: target) }
        var whole = Mask(maps: [], metadata: provenance.merging([Provenance.nameKey: study.modelName]) { $1 })
        for layer in layers {
            try await runner.apply(layer == 0 ? nil : ZeroedWeights(whole))
            let paths = try await score(condition, layer, edited: whole.bundle.image().sha256(), moments: false)
            var inputs = inputs
            inputs.scores = { [sides] side in
                guard let place = sides.firstIndex(of: side) else {
                    throw InternalError("condition \(condition.name) does not look at \(side.rawValue)")
                }
                return try ScoreFile(path: paths[place])
            }
            whole.maps += try choose(inputs).maps
        }
        try whole.write(to: target)
        try folder.ledger.record(target)
        try shared?.remember(target, provenance)
        try removeBlocks(condition)
        return whole
    }

    /// Changes of few ranks of all blocks.
    /// - Throws: what the runner, scoring and making subspaces throw; `TensorFileError` or `InputError` where a file of
    ///   the run cannot be read or written.
    package func lowRank(_ condition: Study.Condition, _ recipe: RankRecipe) async throws -> LowRankEdit {
        let provenance = try provenance(condition)
        let target = folder.edit(condition.name)
        _ = try shared?.recall(target, provenance)
        if folder.ledger.holds(target, provenance) { return try LowRankEdit(contentsOf: target) }
        let ranks = SubspaceComputation(model.config)
        var whole = try LowRankEdit(
            bundle: TensorBundle(
                metadata: provenance.merging([
                    "format": LowRankEdit.format, "version": LowRankEdit.version,
                    Provenance.nameKey: study.modelName,
                ]) { $1 }),
            source: target)
        for layer in layers {
            let place = folder.blocks(condition.name)
            let edited = whole.bundle.image().sha256()
            let path = "\(place)/\(layer).edit"
            try await runner.apply(layer == 0 ? nil : whole)
            if folder.ledger.holds(path, ["edited": edited]) {
                whole.maps += try LowRankEdit(contentsOf: path).maps
                continue
            }
            var subspaces: [SubspaceFile] = []
            for moments in try await score(condition, layer, edited: edited, moments: true) {
                let output = moments + ".subspaces"
                try await ranks.subspaces(
                    moments: moments, limit: nil, runner: runner, to: output,
                    metadata: try SafetensorsFile(path: moments).metadata, layers: [layer])
                subspaces.append(try SubspaceFile(path: output))
            }
            whole.maps += try await ranks.edit(
                recipe, subspaces: subspaces, runner: runner, to: path, metadata: ["edited": edited], layers: [layer]
            ).maps
            try folder.ledger.record(path)
        }
        try whole.bundle.write(safetensors: target)
        try folder.ledger.record(target)
        let written = try LowRankEdit(contentsOf: target)
        try shared?.remember(target, provenance)
        try removeBlocks(condition)
        return written
    }

    /// What the blocks came to is in the whole.
    private func removeBlocks(_ condition: Study.Condition) throws {
        let place = folder.blocks(condition.name)
        for name in Files.names(in: place) {
            try folder.ledger.forget("\(place)/\(name)")
        }
        try Files.remove(place)
    }

    /// One block's scores, or second moments, on the model as it is: a file for each of the condition's sides.
    private func score(_ condition: Study.Condition, _ layer: Int, edited: String, moments: Bool) async throws
        -> [String]
    {
        let place = folder.blocks(condition.name)
        try Files.makeFolder(place)
        let paths = sides.map { "\(place)/\(layer).\($0.rawValue)" }
        let jobs = zip(sides, paths).map { side, path in
            ScoreComputation.Job(
                name: side.rawValue, pairs: pairs[side]!, output: moments ? nil : path, moments: moments ? path : nil)
        }
        try await store.score(
            jobs, runner: runner, codec: codec, blockExamples: study.blockExamples, batchTokens: study.batchTokens,
            ledger: folder.ledger, block: (layer, edited))
        return paths
    }
}
