import Protocol
import Selection
package import Tensors
import Yams

/// The study file's `finetune` and `finetune_grid`.
extension Study {
    static let gridKey = "finetune_grid"
    /// What both have.
    private static let fineTuneKeys = [
        "pairs", "steps", "epochs", "batch", "batch_tokens", "lr", "parameters", "checkpoint_every",
    ]
    /// What a condition alone has.
    private static let fineTuneConditionKeys = ["samples", "ascent", "until_loss", "freeze", "rewind", "lora"]

    /// Reads `finetune` of a condition.
    /// - Parameter path: makes a path of the file absolute.
    /// - Throws: `InputError` with file, line and the key's path.
    package static func fineTune(_ entry: StudyNode, _ path: (String) -> String) throws(InputError) -> FineTune {
        let node = try entry.required("finetune") { key throws(InputError) in
            try entry.mapping(key, keys: fineTuneKeys + fineTuneConditionKeys)
        }
        var settings = try fineTune(node, path, epochs: nil)
        settings.samples = try node.integer("samples", in: 1...Int.max)
        settings.isAscent = try node.choice("ascent", as: Flag.self) == .yes
        settings.untilLoss = try untilLoss(node, settings)
        settings.restriction = try Restriction.read(node)
        settings.lora = try lora(node)
        if settings.lora != nil { settings.parameters = .linear }
        return settings
    }

    /// A pass over the examples has a mean loss; steps of an endless row of passes have none.
    private static func untilLoss(_ node: StudyNode, _ settings: FineTune) throws(InputError) -> Double? {
        guard let loss = try node.number("until_loss", in: 0...1000) else { return nil }
        guard case .epochs = settings.length else {
            throw node.error("until_loss", "goes with epochs, the passes that the run has at most, not with steps")
        }
        guard !settings.isAscent else {
            throw node.error("until_loss", "goes not with ascent, which makes the loss larger")
        }
        return loss
    }

    private enum Flag: String, CaseIterable { case yes = "true", no = "false" }

    /// - Parameter epochs: where the file says nothing.
    private static func fineTune(
        _ node: StudyNode, _ path: (String) -> String, epochs standard: Int?
    ) throws(InputError) -> FineTune {
        let length: FineTune.Length
        switch (try node.integer("steps", in: 1...1_000_000), try node.integer("epochs", in: 1...1_000_000)) {
        case (let steps?, nil): length = .steps(steps)
        case (nil, let epochs?): length = .epochs(epochs)
        case (_?, _?): throw node.error("epochs", "goes not with steps: give one of them")
        case (nil, nil):
            guard let standard else { throw node.error("steps", "is missing (or epochs)") }
            length = .epochs(standard)
        }
        var settings = FineTune(
            pairs: path(try node.required("pairs", node.string)), samples: nil, length: length,
            batch: try node.integer("batch", in: 1...100_000) ?? 10,
            batchTokens: try node.integer("batch_tokens", in: 16...1_000_000),
            learningRate: try node.number("lr", in: 0...1) ?? 5e-5,
            parameters: try node.choice("parameters", as: TaskBody.Training.Parameters.self) ?? .all)
        settings.checkpointEvery = try node.integer("checkpoint_every", in: 1...1_000_000)
        return settings
    }

    static func fineTuneGrid(_ entry: StudyNode, _ path: (String) -> String) throws(InputError) -> FineTuneGrid {
        if entry.has("order") { throw entry.error("order", "goes not with \(gridKey)") }
        let node = try entry.required(gridKey) { key throws(InputError) in
            try entry.mapping(
                key,
                keys: fineTuneKeys + ["examples", "frozen", "of", "restrict", "by", "p", "group", "layers"])
        }
        let examples =
            try numbers(node, "examples", in: 1...1_000_000) { Int(exactly: $0) } ?? FineTuneGrid.standardExamples
        let percents = try numbers(node, "frozen", in: 0...100) { $0 } ?? FineTuneGrid.standardPercents
        let choices = try choices(node, "by", as: WeightShare.Choice.self)
        let whole = try node.choice("of", as: WeightShare.Whole.self) ?? .parameters
        let p = try node.percent("p") ?? 0
        let group = try node.choice("group", as: Group.self) ?? .matrix
        let layers = try node.choice("layers", as: WeightShare.LayerOrder.self) ?? .score
        return FineTuneGrid(
            name: try entry.string("name") ?? "finetune",
            settings: try fineTune(node, path, epochs: FineTuneGrid.standardEpochs), examples: examples,
            kinds: try self.choices(node, "restrict", as: Restriction.Kind.self),
            shares: choices.flatMap { choice in
                percents.filter { $0 > 0 }.map {
                    WeightShare(choice, percent: $0, of: whole, p: p, group: group, layerOrder: layers)
                }
            }, hasFree: percents.contains(0))
    }

    private static func numbers<T: Hashable>(
        _ node: StudyNode, _ key: String, in range: ClosedRange<Double>, _ convert: (Double) -> T?
    ) throws(InputError) -> [T]? {
        guard let items = try node.items(key) else { return nil }
        guard !items.isEmpty else { throw node.error(key, "is empty") }
        var values: [T] = []
        for item in items {
            guard let number = item.realNumber, let value = convert(number) else {
                throw node.error(key, "has \(item.shown), which is no such number")
            }
            guard range.contains(number) else {
                throw node.error(
                    key,
                    "has \(plainNumber(number)), which is out of range: \(plainNumber(range.lowerBound)) to \(plainNumber(range.upperBound))"
                )
            }
            guard !values.contains(value) else { throw node.error(key, "has \(plainNumber(number)) twice") }
            values.append(value)
        }
        return values
    }

    /// All where the file says nothing.
    private static func choices<T: RawRepresentable & CaseIterable & Equatable>(
        _ node: StudyNode, _ key: String, as: T.Type
    ) throws(InputError) -> [T] where T.RawValue == String {
        guard let items = try node.items(key) else { return Array(T.allCases) }
        guard !items.isEmpty else { throw node.error(key, "is empty") }
        let known = T.allCases.map(\.rawValue)
        var values: [T] = []
        for item in items {
            let text = item.scalar?.string ?? "a list or mapping"
            guard let value = T(rawValue: text) else {
                throw node.error(
                    key,
                    "has \(text)" + (nearestName(to: text, among: known).map { "; did you mean \($0)?" } ?? "")
                        + " (known: \(known.joined(separator: ", ")))")
            }
            guard !values.contains(value) else { throw node.error(key, "has \(text) twice") }
            values.append(value)
        }
        return values
    }

    /// Weights that no grid chooses.
    private func check(
        _ weights: Restriction.Weights, of condition: Condition, key: String, _ top: StudyNode
    ) throws(InputError) {
        switch weights {
        case .mask(let name): try checkMask(name, of: condition, key: key, top)
        case .units(let units): try units.check(in: self, "\(condition.name): \(key).units", top)
        case .allBut: throw top.error("conditions", "\(condition.name): \(key) is all_but of all_but: leave both out")
        case .layers(let layers):
            guard layers.blocks == .found, layerRange == nil else { break }
            throw top.error(
                "layer_range", "is missing: condition \(condition.name) freezes the blocks that it finds")
        case .share: break
        }
    }

    /// What a restriction needs of the rest of the study.
    func check(_ settings: FineTune, of condition: Condition, _ top: StudyNode) throws(InputError) {
        guard let restriction = settings.restriction else { return }
        let key = "finetune.\(restriction.kind.rawValue)"
        switch restriction.weights {
        case .mask, .units, .layers: try check(restriction.weights, of: condition, key: key, top)
        case .allBut(let weights):
            try check(weights, of: condition, key: "\(key).all_but", top)
            guard settings.parameters == .linear else {
                throw top.error(
                    "conditions",
                    "\(condition.name): \(key).all_but needs parameters: linear, for embeddings, norms, biases and head are of no mask and would be trained"
                )
            }
        case .share(let share):
            let file = maskName(share, of: condition)
            if conditions.contains(where: { $0.name == file && $0.makesMask(in: self) }) {
                throw top.error("conditions", "have a mask called \(file), and so has the grid; rename one")
            }
            guard share.needsScores else { return }
            if scores.method.needsData, calibration == nil {
                throw top.error("calibration", "is missing: condition \(condition.name) needs scores")
            }
            if share.needsUtility, !scores.method.needsData {
                throw top.error(
                    "scores",
                    "method \(scores.method.rawValue) knows no two data sets: condition \(condition.name) with p = \(plainNumber(share.p)) needs \(ScoreMethod.namesWithData)"
                )
            }
        }
    }
}
