import Checkpoint
import OutputFiles
import Selection
import StudyFile
import Tensors

/// Makes the masks that fine-tuning is restricted by; each is a file of the run, and made once.
struct RestrictionMasks {
    let study: Study
    let folder: RunFolder
    let model: any WeightSource
    let modelDigest: String
    /// The safety layers that the study found.
    var found: Range<Int>?
    private var made: Set<String> = []
    private var config: ModelConfig { model.config }

    init(_ study: Study, folder: RunFolder, model: any WeightSource, modelDigest: String) {
        self.study = study
        self.folder = folder
        self.model = model
        self.modelDigest = modelDigest
    }

    /// - Parameter masks: those of conditions, which come before.
    mutating func mask(
        _ restriction: Study.Restriction, of condition: Study.Condition, made masks: [String: Mask]
    ) throws -> Mask {
        switch restriction.weights {
        case .mask, .units, .layers, .allBut:
            var mask = try chosen(restriction.weights, masks)
            guard restriction.weights.hasOwnMask else { return mask }
            mask.metadata = [
                "selection": restriction.weights.title, "condition": condition.name, Provenance.modelKey: modelDigest,
                Provenance.nameKey: study.modelName,
            ]
            if let layers = foundLayers(restriction.weights) { mask.metadata["layers"] = layers }
            try mask.write(to: folder.mask(condition.name))
            try folder.ledger.record(folder.mask(condition.name))
            return mask
        case .share(let share):
            let path = folder.mask(study.maskName(share, of: condition))
            if made.contains(path), folder.ledger.isSound(path) { return try Mask(contentsOf: path) }
            var mask = try make(share)
            mask.metadata = [
                "selection": share.title, Provenance.modelKey: modelDigest, Provenance.nameKey: study.modelName,
            ]
            if let layers = layers(of: mask, share) { mask.metadata["layers"] = layers }
            try mask.write(to: path)
            try folder.ledger.record(path)
            made.insert(path)
            return mask
        }
    }

    /// Weights that no grid shares.
    private func chosen(_ weights: Study.Restriction.Weights, _ masks: [String: Mask]) throws -> Mask {
        switch weights {
        case .mask(let name):
            guard let mask = masks[name] else { throw InternalError("condition \(name) has made no mask yet") }
            return mask
        case .units(let units):
            return try units.mask(try TensorBundle(safetensors: folder.statistic(units.statistic)), model)
        case .layers(let layers):
            return RestrictedMask.blocks(try range(layers.blocks), norms: layers.norms == .frozen, of: config)
        case .allBut(let weights): return RestrictedMask.complement(of: try chosen(weights, masks), config)
        case .share: throw InternalError("a share of a grid that has no file")
        }
    }

    private func range(_ blocks: Study.LayerFreeze.Blocks) throws -> Range<Int> {
        if case .named(let range) = blocks { return range.layers }
        guard let found else { throw InternalError("the study has not found its safety layers yet") }
        return found
    }

    /// The blocks that the study found, for a reader of the file.
    private func foundLayers(_ weights: Study.Restriction.Weights) -> String? {
        switch weights {
        case .layers(let layers) where layers.blocks == .found: found?.map { "\($0)" }.joined(separator: " ")
        case .allBut(let weights): foundLayers(weights)
        default: nil
        }
    }

    private func make(_ share: Study.WeightShare) throws -> Mask {
        let q = share.percentOfMaps(config)
        switch share.choice {
        case .mask: return try ranked(share, q)
        case .random:
            let random = WeightScores.random(maps: WeightScores.maps(of: config), seed: study.seed)
            let like =
                share.needsScores
                ? try ranked(share, q) : try Selector.mask(of: random, percent: q, name: "q", group: share.group)
            return try Selector.mask(of: random, sizedLike: like)
        case .layers:
            let count = RestrictedMask.layerCount(percent: q, of: config)
            return RestrictedMask.layers(try order(share).prefix(count), of: config)
        }
    }

    private func ranked(_ share: Study.WeightShare, _ q: Double) throws -> Mask {
        let utility = share.needsUtility ? try ScoreFile(path: folder.scores(Study.Side.utility.rawValue)) : nil
        return try RestrictedMask.ranked(
            safety: try ScoreFile(path: folder.scores(Study.Side.safety.rawValue)), q: q, utility: utility, p: share.p,
            group: share.group)
    }

    private func order(_ share: Study.WeightShare) throws -> [Int] {
        let layers = Array(0..<config.layerCount)
        switch share.layerOrder {
        case .first: return layers
        case .last: return layers.reversed()
        case .score:
            let means = try RestrictedMask.layerMeans(
                try ScoreFile(path: folder.scores(Study.Side.safety.rawValue)), of: config)
            return layers.sorted { (means[$0], $1) > (means[$1], $0) }
        }
    }

    /// Which layers they are, for a reader of the file.
    private func layers(of mask: Mask, _ share: Study.WeightShare) -> String? {
        guard share.choice == .layers else { return nil }
        return (0..<config.layerCount).filter { layer in
            mask[LinearMap.q.weightName(layer: layer)]?.bits.count ?? 0 > 0
        }.map { "\($0)" }.joined(separator: " ")
    }
}
