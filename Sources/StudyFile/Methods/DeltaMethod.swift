package import Checkpoint
package import Selection
package import Tensors

/// The difference of two checkpoints is added to the model: θ + γ (θ_to − θ_from), a task vector (arXiv 2212.04089, and RESTA,
/// arXiv 2402.11746), all of it, a mask's weights alone, or a random share.
package struct DeltaMethod: ConditionMethod {
    package static let keys = ["delta"]
    package static func axes(of key: String) -> [ListAxis] { [ListAxis(key: "scale")] }
    /// Stands for the study's model in place of a path.
    private static let own = "model"

    /// Where the checkpoints lie; `nil`: the study's model.
    package var to: String?
    package var from: String?
    /// γ
    package var scale = 1.0
    /// The earlier condition whose mask's weights alone get it.
    package var mask: String?
    package var share: Share?

    /// Each weight is kept by itself with this probability.
    package struct Share: Sendable, Equatable {
        package var probability: Double
        /// `nil`: the study's.
        package var seed: UInt64?
        package var isRescaled: Bool
    }

    private enum Flag: String, CaseIterable { case yes = "true", no = "false" }

    /// - Throws: `InputError` with file, line and the key's path.
    package init(_ entry: ConditionEntry) throws(InputError) {
        let node = try entry.settings(["to", "from", "scale", "keep"])
        func checkpoint(_ text: String) -> String? { text == Self.own ? nil : entry.path(text) }
        to = checkpoint(try node.required("to", node.string))
        from = checkpoint(try node.string("from") ?? Self.own)
        guard to != from else { throw node.error("to", "is the checkpoint that from names: nothing lies between them") }
        scale = try node.number("scale", in: -1e6...1e6) ?? scale
        guard let keep = try node.mapping("keep", keys: ["mask", "share", "seed", "rescale"]) else { return }
        mask = try keep.string("mask")
        if let probability = try keep.number("share", in: 0...1) {
            share = Share(
                probability: probability, seed: try keep.integer("seed", in: 0...Int.max).map { UInt64($0) },
                isRescaled: try keep.choice("rescale", as: Flag.self) == .yes)
        } else if let key = ["seed", "rescale"].first(where: { keep.has($0) }) {
            throw keep.error(key, "goes with share")
        }
        guard mask != nil || share != nil else { throw node.error("keep", "needs a mask, a share, or both") }
    }

    static func name(_ path: String?) -> String {
        path.map { $0.split(separator: "/").last.map(String.init) ?? $0 } ?? "the model"
    }

    package var title: String {
        var kept: [String] = []
        if let mask { kept.append("the weights of \(mask)") }
        if let share {
            let seed = share.seed.map { " (seed \($0))" } ?? ""
            kept.append(
                "\(plainNumber(100 * share.probability)) % at random\(share.isRescaled ? ", rescaled" : "")\(seed)")
        }
        return "\(plainNumber(scale)) × (\(Self.name(to)) − \(Self.name(from))) added"
            + (kept.isEmpty ? "" : ", \(kept.joined(separator: ", of them "))")
    }

    package func family(_ extent: EditExtent) -> ConditionFamily { .delta }
    package var coordinates: [GridAxis] { [GridAxis("scale", plainNumber(scale), scale)] }
    package var files: [String] {
        var files: [String] = []
        for path in [to, from] { if let path { files.append(path) } }
        return files
    }
    package var sides: [Study.Side] { [] }
    package var needsScores: Bool { false }
    package var sequence: BlockSequence { .withoutData }
    package var cost: EditCost {
        scale == 0
            ? .nothing
            : EditCost(
                rewrites: files.count + (share == nil ? 0 : EditCost.draws), masks: mask == nil ? 0 : 1, files: files)
    }
    package var making: Making { .edit { [self] in try edit($0) } }

    private func edit(_ inputs: EditInputs) throws -> WeightDelta {
        func opened(_ path: String?) throws -> OtherCheckpoint? {
            try path.map { try OtherCheckpoint(path: $0, for: inputs.model.config) }
        }
        return WeightDelta([
            .init(
                to: try opened(to), from: try opened(from), scale: scale, mask: try mask.map { try inputs.mask($0) },
                share: share.map {
                    .init(probability: $0.probability, seed: $0.seed ?? inputs.seed, isRescaled: $0.isRescaled)
                })
        ])
    }

    /// - Throws: `InputError` where the mask's condition is none before it that has a mask.
    package func check(_ condition: Study.Condition, in study: Study, _ top: StudyNode) throws(InputError) {
        if let mask { try study.checkMask(mask, of: condition, key: "delta.keep.mask", top) }
    }

    /// Checks that the other checkpoints are there and have the same tensors.
    /// - Throws: `CheckpointError`, or `SelectionError` naming what differs.
    package func check(_ condition: Study.Condition, against config: ModelConfig) throws {
        for path in files {
            try OtherCheckpoint.check(try Checkpoint.open(path).config, at: path, against: config)
        }
    }

    /// The checkpoints' content is known before a run; the mask of a condition is not.
    /// - Throws: `CheckpointError` where one cannot be read.
    package func fingerprint(
        _ condition: Study.Condition, in study: Study, _ known: KnownInputs
    ) throws -> [String]? {
        guard mask == nil else { return nil }
        return condition.fingerprint + ["\(share.map { $0.seed ?? study.seed } ?? 0)"]
            + (try files.map { try Checkpoint.open($0).digest() })
    }
}

extension ConditionFamily { package static let delta = ConditionFamily(43, "difference of checkpoints") }
