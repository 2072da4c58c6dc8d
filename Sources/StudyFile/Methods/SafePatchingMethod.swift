package import Checkpoint
package import Selection
package import Tensors

/// SafePatching (arXiv 2405.13820): a safety patch θ_GA − θ of gradient ascent on harmful pairs and a patch against
/// over-refusal θ_GD − θ of descent on the same pairs; a random share of each is kept, of it what matters to the one patch and
/// not to the other, and both are added: θ + α P_GA + β P_GD.
package struct SafePatchingMethod: ConditionMethod {
    package static let keys = ["safe_patching"]
    package static func axes(of key: String) -> [ListAxis] { ["a", "b", "alpha", "beta"].map { ListAxis(key: $0) } }

    /// Checkpoint of a patched model, and the importance of its weights.
    package struct Patch: Sendable, Equatable {
        package var checkpoint: String
        package var scores: String
        /// Percent of the weights that matter to it.
        package var percent: Double
        package var scale: Double
    }

    package var ascent: Patch
    package var descent: Patch
    /// Percent of each patch that is kept at random.
    package var share: Double
    /// `nil`: the study's.
    package var seed: UInt64?
    package var group: Group

    /// Text and reviews leave the numbers open; the defaults are ours.
    /// - Throws: `InputError` with file, line and the key's path.
    package init(_ entry: ConditionEntry) throws(InputError) {
        let node = try entry.settings([
            "ascent", "descent", "ascent_scores", "descent_scores", "a", "b", "alpha", "beta", "share", "seed", "group",
        ])
        func patch(
            _ key: String, _ percent: (String, Double), _ scale: (String, Double)
        ) throws(InputError) -> Patch {
            Patch(
                checkpoint: entry.path(try node.required(key, node.string)),
                scores: entry.path(try node.required("\(key)_scores", node.string)),
                percent: try node.percent(percent.0) ?? percent.1,
                scale: try node.number(scale.0, in: -1e6...1e6) ?? scale.1)
        }
        ascent = try patch("ascent", ("a", 3), ("alpha", 1))
        descent = try patch("descent", ("b", 2), ("beta", 0.2))
        share = try node.percent("share") ?? 30
        seed = try node.integer("seed", in: 0...Int.max).map { UInt64($0) }
        group = try node.choice("group", as: Group.self) ?? .matrix
    }

    package var title: String {
        "patched: \(plainNumber(ascent.scale)) × top \(plainNumber(ascent.percent)) % of \(DeltaMethod.name(ascent.checkpoint)), \(plainNumber(descent.scale)) × top \(plainNumber(descent.percent)) % of \(DeltaMethod.name(descent.checkpoint)) per \(group.rawValue), what both share left out, \(plainNumber(share)) % at random"
    }
    package func family(_ extent: EditExtent) -> ConditionFamily { .safePatched }
    package var coordinates: [GridAxis] { [] }
    package var files: [String] { [ascent.checkpoint, descent.checkpoint, ascent.scores, descent.scores] }
    package var sides: [Study.Side] { [] }
    package var needsScores: Bool { false }
    package var sequence: BlockSequence { .withoutData }
    package var cost: EditCost {
        EditCost(selections: 2, rewrites: 2, masks: 2, files: [ascent.checkpoint, descent.checkpoint])
    }
    package var making: Making { .edit { [self] in try edit($0.model, seed: seed ?? $0.seed) } }

    private func edit(_ model: any WeightSource, seed: UInt64) throws -> WeightDelta {
        let own = try ScoreFile(path: ascent.scores)
        let other = try ScoreFile(path: descent.scores)
        func mask(_ first: ScoreFile, _ q: Double, less second: ScoreFile, _ p: Double) throws -> Mask {
            try SetDifference.mask(safety: first, q: q, utility: second, p: p, group: group)
        }
        let kept = WeightDelta.Share(probability: share / 100, seed: seed, isRescaled: false)
        return WeightDelta([
            .init(
                to: try OtherCheckpoint(path: ascent.checkpoint, for: model.config), scale: ascent.scale,
                mask: try mask(own, ascent.percent, less: other, descent.percent), share: kept),
            .init(
                to: try OtherCheckpoint(path: descent.checkpoint, for: model.config), scale: descent.scale,
                mask: try mask(other, descent.percent, less: own, ascent.percent), share: kept),
        ])
    }

    package func check(_ condition: Study.Condition, in study: Study, _ top: StudyNode) {}

    /// Checks that both checkpoints have the model's tensors, and that each one's scores are its own.
    /// - Throws: `CheckpointError`, `TensorFileError`, or `SelectionError` naming what does not fit.
    package func check(_ condition: Study.Condition, against config: ModelConfig) throws {
        for patch in [ascent, descent] {
            let checkpoint = try Checkpoint.open(patch.checkpoint)
            try OtherCheckpoint.check(checkpoint.config, at: patch.checkpoint, against: config)
            let scores = try ScoreFile(path: patch.scores)
            for map in WeightScores.maps(of: config) {
                guard let found = scores.maps.first(where: { $0.name == map.name }) else {
                    throw SelectionError.missing(map: map.name, source: patch.scores)
                }
                guard found == map else {
                    throw SelectionError.shape(
                        map: "\(patch.scores): \(map.name)", expected: [map.rows, map.columns],
                        found: [found.rows, found.columns])
                }
            }
            if let owner = scores.metadata[Provenance.modelKey], owner != (try checkpoint.digest()) {
                throw SelectionError.file(
                    patch.scores, fault: "scores of another model than \(patch.checkpoint): score the patched one")
            }
        }
    }

    /// All that decides it are files, whose content is known before a run.
    /// - Throws: `CheckpointError` or `TensorFileError` where one cannot be read.
    package func fingerprint(
        _ condition: Study.Condition, in study: Study, _ known: KnownInputs
    ) throws -> [String]? {
        var words = condition.fingerprint + ["\(seed ?? study.seed)"]
        for patch in [ascent, descent] {
            words += [try Checkpoint.open(patch.checkpoint).digest(), try Digest.sha256(file: patch.scores)]
        }
        return words
    }
}

extension ConditionFamily { package static let safePatched = ConditionFamily(44, "safe patching") }
