package import Checkpoint
import Datasets
import Protocol
package import Selection
package import Tensors

/// A direction of the residual stream, as that of refusal (arXiv 2406.11717), is ablated while the model runs, taken out of
/// its weights, added or subtracted.
package struct DirectionMethod: ConditionMethod {
    package static let keys = ["direction"]
    package static func axes(of key: String) -> [ListAxis] { [ListAxis(key: "strength")] }

    package enum Kind: String, Sendable, CaseIterable { case ablate, orthogonalise, add, subtract }

    /// Where the direction comes from.
    package enum Source: Sendable, Equatable {
        /// A file that a study wrote (`ResidualDirection`).
        case file(String)
        /// The mean difference in a `residual_state` statistic of the study's own, at a block's input.
        case statistic(String, layer: Int, position: Int)
        /// The one that the study selects (`refusal_direction`).
        case selected
    }

    package var kind: Kind
    package var source: Source
    /// Share of the component that is taken away, or factor on the mean difference.
    package var strength = 1.0
    /// What orthogonalisation does with the embedding.
    package var embedding = Orthogonalisation.Embedding.input

    package init(_ kind: Kind, of source: Source) { (self.kind, self.source) = (kind, source) }

    package init(_ entry: ConditionEntry) throws(InputError) {
        let keys = ["edit", "file", "statistic", "layer", "position", "strength", "embedding"]
        let node = try entry.settings(keys)
        kind = try node.required("edit") { key throws(InputError) in try node.choice(key, as: Kind.self) }
        source = try Self.source(node, entry)
        strength = try node.number("strength", in: -1e6...1e6) ?? strength
        if let own = try node.choice("embedding", as: Orthogonalisation.Embedding.self) {
            guard kind == .orthogonalise else { throw node.error("embedding", "goes with edit: orthogonalise") }
            embedding = own
        }
    }

    private static func source(_ node: StudyNode, _ entry: ConditionEntry) throws(InputError) -> Source {
        let layer = try node.integer("layer", in: 0...1_000_000)
        let position = try node.integer("position", in: -1024 ... -1)
        switch (try node.string("file"), try node.string("statistic")) {
        case (nil, let name?):
            guard let layer else { throw node.error("layer", "is missing: the block at whose input the states differ") }
            return .statistic(name, layer: layer, position: position ?? -1)
        case (let file, nil):
            for key in ["layer", "position"] where node.has(key) {
                throw node.error(key, "goes with statistic")
            }
            return file.map { .file(entry.path($0)) } ?? .selected
        default: throw entry.node.error(entry.key, "has either file or statistic, not both")
        }
    }

    package var title: String {
        let direction =
            switch source {
            case .file(let file): "direction of \(file.split(separator: "/").last.map(String.init) ?? file)"
            case .statistic(let name, let layer, let position):
                "direction of statistic \(name) at block \(layer), position \(position)"
            case .selected: "refusal direction"
            }
        let times = strength == 1 ? "" : " × \(plainNumber(strength))"
        let words =
            switch kind {
            case .ablate: "ablated"
            case .orthogonalise: "taken out of the weights"
            case .add: "added"
            case .subtract: "subtracted"
            }
        let tokens =
            switch embedding {
            case .input: ""
            case .tensor: ", the embedding's tensor included"
            case .none: ", the embedding left alone"
            }
        return "\(direction) \(words)\(times)\(tokens)"
    }

    package func family(_ extent: EditExtent) -> ConditionFamily {
        switch kind {
        case .ablate: .directionAblated
        case .orthogonalise: .directionOrthogonal
        case .add: .directionAdded
        case .subtract: .directionSubtracted
        }
    }
    package var coordinates: [GridAxis] { [GridAxis("strength", plainNumber(strength), strength)] }

    package var files: [String] { if case .file(let path) = source { [path] } else { [] } }
    package var sides: [Study.Side] { [] }
    package var needsScores: Bool { false }
    package var sequence: BlockSequence { .withoutData }
    package var cost: EditCost { .settings }
    package var making: Making { .edit { [self] in try edit($0) } }

    package func check(_ condition: Study.Condition, in study: Study, _ top: StudyNode) throws(InputError) {
        if study.export.contains(condition.name) {
            guard kind == .orthogonalise else {
                throw top.error(
                    "export",
                    "names \(condition.name): weights alone do not hold what \(kind.rawValue) does"
                        + (kind == .ablate ? "; orthogonalise writes it into them" : ""))
            }
            if strength == 0 { throw top.error("export", "names \(condition.name), whose strength is 0") }
        }
        switch source {
        case .file: break
        case .statistic(let name, _, let position):
            try study.checkResidualState(name, position: position, of: condition, key: "direction", top)
        case .selected:
            guard study.refusalDirection == nil else { break }
            throw top.error(
                "conditions",
                "\(condition.name): direction names neither file nor statistic, and the study has no refusal_direction"
            )
        }
    }

    package func check(_ condition: Study.Condition, against config: ModelConfig) throws {
        if kind == .orthogonalise { try Orthogonalisation.check(config) }
        switch source {
        case .file(let path): try ResidualDirection(contentsOf: path).check(against: config, named: path)
        case .statistic(_, let layer, _):
            guard layer < config.layerCount else {
                throw InputError(
                    "condition \(condition.name)",
                    "direction.layer = \(layer) is none of the model's \(config.layerCount) blocks")
            }
        case .selected: break
        }
    }

    package func check(_ condition: Study.Condition, belongsTo model: () throws -> Provenance) throws {
        guard case .file(let path) = source else { return }
        try ResidualDirection(contentsOf: path).check(belongsTo: try model(), named: path)
    }

    private func edit(_ inputs: EditInputs) throws -> any WeightEdit {
        let direction =
            switch source {
            case .file(let path): try ResidualDirection(contentsOf: path)
            case .statistic(let name, let layer, let position):
                try ResidualDirection(
                    of: try inputs.statistic(name), layer: layer, position: position, config: inputs.model.config)
            case .selected: try inputs.direction()
            }
        try direction.check(against: inputs.model.config, named: "direction")
        let words = [
            "layer": "\(direction.layer)", "position": "\(direction.position)", "strength": "\(strength)",
        ]
        let unit = direction.unit.map { Float($0) }
        switch kind {
        case .ablate: return Ablation(unit, strength: Float(strength), metadata: words)
        case .orthogonalise:
            return try Orthogonalisation.edit(
                unit, strength: Float(strength), embedding: embedding, of: inputs.model,
                metadata: words.merging(["embedding": embedding.rawValue]) { $1 })
        case .add, .subtract:
            let factor = kind == .add ? strength : -strength
            return Steering(
                vectors: [:], inputs: [direction.layer: direction.difference.map { Float(factor * $0) }],
                start: .position(0), metadata: words)
        }
    }

    /// The direction's file, or all that decides the statistic; what a selection comes to is not known before a run.
    /// - Throws: where the file cannot be read; what `known` throws.
    package func fingerprint(
        _ condition: Study.Condition, in study: Study, _ known: KnownInputs
    ) throws -> [String]? {
        let direction: String?
        switch source {
        case .file(let path): direction = try Digest.sha256(file: path)
        case .statistic(let name, let layer, let position):
            direction = try known.statistic(name).map { "\($0), block \(layer) at \(position)" }
        case .selected: direction = nil
        }
        guard let direction else { return nil }
        return condition.fingerprint + ["\(strength)", direction]
    }
}

extension ConditionFamily {
    package static let directionAblated = ConditionFamily(26, "direction ablated")
    package static let directionOrthogonal = ConditionFamily(27, "direction out of the weights")
    package static let directionAdded = ConditionFamily(28, "direction added")
    package static let directionSubtracted = ConditionFamily(29, "direction subtracted")
}

extension Study {
    /// A condition's statistic is a `residual_state` of the study's own that looks at the position.
    /// - Parameter key: the condition's own.
    /// - Throws: `InputError`.
    func checkResidualState(
        _ name: String, position: Int, of condition: Condition, key: String, _ top: StudyNode
    ) throws(InputError) {
        func fault(_ words: String) -> InputError { top.error("conditions", "\(condition.name): \(words)") }
        let known = statistics.filter { $0.request.name == ResidualState.name }
        guard let plan = known.first(where: { $0.name == name }) else {
            let nearest = nearestName(to: name, among: known.map(\.name))
            throw fault(
                "\(key).statistic = \(name) is no statistic residual_state of this study"
                    + (nearest.map { "; did you mean \($0)?" } ?? ""))
        }
        let positions: [Int]
        do { positions = try ResidualState(options: plan.request.options).positions } catch {
            throw InputError("statistic \(plan.request.name)", "\(error)")
        }
        guard positions.contains(position) else {
            throw fault("\(key).position = \(position) is none of statistic \(name)")
        }
    }
}
