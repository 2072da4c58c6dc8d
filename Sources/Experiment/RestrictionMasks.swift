import Checkpoint
import OutputFiles
import Selection
import StudyFile
import Tensors

/// Makes the masks that fine-tuning is restricted by; each is a file of the run, and made once.
struct RestrictionMasks {
    let study: Study
    let folder: RunFolder
    let config: ModelConfig
    let modelDigest: String
    private var made: Set<String> = []

    init(_ study: Study, folder: RunFolder, config: ModelConfig, modelDigest: String) {
        self.study = study
        self.folder = folder
        self.config = config
        self.modelDigest = modelDigest
    }

    /// - Parameter masks: those of conditions, which come before.
    mutating func mask(
        _ restriction: Study.Restriction, of condition: Study.Condition, made masks: [String: Mask]
    ) throws -> Mask {
        switch restriction.weights {
        case .mask(let name):
            guard let mask = masks[name] else { throw InternalError("condition \(name) has made no mask yet") }
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
