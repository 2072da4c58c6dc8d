import Checkpoint
import Datasets
import Protocol
import Selection
package import Tensors
import Yams

extension Study {
    static let keys = [
        "name", "model", "data", "template", "system", "thinking", "date", "seed", "workers", "pipelines",
        "block_examples", "batch_tokens", "calibration", "scores", "probe", "overlap", "statistics", "layer_curves",
        "layer_range", "reasoning_curves", "refusal_direction", "conditions", "evaluation", "export", "max_skipped",
        "refusal_phrases", "judge",
    ]

    /// Reads a study file; paths in it are relative to its folder.
    /// - Throws: `InputError` with file, line, and the key's path.
    package init(
        contentsOf path: String, overriding: StudyOverrides = StudyOverrides()
    ) throws(InputError) {
        try self.init(
            yaml: String(decoding: try TextFile.read(path), as: UTF8.self), file: path, overriding: overriding)
    }

    /// - Parameter file: names the text in errors, and its folder is where relative paths begin.
    /// - Throws: `InputError` with file, line and the key's path; for a study with a `base` the file is the one that
    ///   holds the key.
    package init(
        yaml text: String, file: String, overriding: StudyOverrides = StudyOverrides()
    ) throws(InputError) {
        let text = try StudyText(text, file: file)
        guard let node = text.node else { throw InputError(file, "empty study") }
        do throws(InputError) {
            try self.init(StudyNode(node, path: "", keys: Self.keys, file: file), file: file, overriding)
        } catch { throw text.placed(error) }
    }

    private init(_ top: StudyNode, file: String, _ overriding: StudyOverrides) throws(InputError) {
        let folder = Paths.folder(of: file)
        let ownData = try top.string("data").map { Paths.resolve($0, in: folder) }
        let data = overriding.data ?? ownData ?? folder
        func path(_ text: String) -> String { Paths.resolve(text, in: data) }

        name = try RunName.of(top, file: file)
        let ownModel = try top.string("model").map { Paths.resolve($0, in: folder) }
        guard let model = overriding.model ?? ownModel else {
            throw top.error("model", "is missing; name one, or give --model")
        }
        self.model = model
        template = try Self.template(top, path)
        system = SystemPrompt(word: try top.string("system"))
        thinking = try Self.thinking(top)
        date = try Self.date(top)
        seed = UInt64(try top.integer("seed", in: 0...Int.max) ?? 42)
        workers = try top.integer("workers", in: 1...4096) ?? 2
        pipelines = try top.integer("pipelines", in: 1...4096)
        blockExamples = try top.integer("block_examples", in: 1...Int.max) ?? 8
        batchTokens = try top.integer("batch_tokens", in: 16...1_000_000) ?? BatchPacking.standardTokens
        calibration = nil
        if let data = try top.mapping("calibration", keys: ["safety", "utility"]) {
            calibration = CalibrationData(
                safety: try Self.pairs(data, "safety", path), utility: try Self.pairs(data, "utility", path))
        }
        scores = Scores()
        if let node = try top.mapping("scores", keys: ["method", "loss"]) {
            scores.method = try node.choice("method", as: ScoreMethod.self) ?? .snip
            scores.loss = try node.choice("loss", as: Loss.self) ?? .mean
        }
        probe = try Self.probe(top, path)
        overlap = try Self.overlap(top)
        statistics = try Self.statistics(top, path)
        refusalDirection = try Self.refusalDirection(top, path)
        layerCurves = try Self.layerCurves(top, seed: seed)
        layerRange = try Self.layerRange(top, path)
        reasoningCurves = try Self.reasoningCurves(top, path)
        conditions = try Self.conditions(top, file: file, path)
        evaluation = EvaluationSettings()
        if let node = try top.mapping("evaluation", keys: Self.evaluationKeys) {
            evaluation = try Self.evaluation(node, path)
        }
        export = try top.strings("export") ?? []
        maxSkipped = try top.percent("max_skipped") ?? maxSkipped
        refusalPhrases = try top.string("refusal_phrases").map(path)
        judges = try Self.judges(top)
        try check(top)
    }

    private static func pairs(
        _ parent: StudyNode, _ key: String, _ path: (String) -> String
    ) throws(InputError) -> PairSource {
        let keys = ["pairs", "prompts", "limit", "keep", "samples", "max_new_tokens"]
        guard let node = try parent.mapping(key, keys: keys) else { throw parent.error(key, "is missing") }
        let samples = try node.integer("samples", in: 1...Int.max)
        switch (try node.string("pairs"), try node.string("prompts")) {
        case (let file?, nil):
            for other in ["limit", "keep", "max_new_tokens"] where node.has(other) {
                throw node.error(other, "goes with prompts, not with pairs")
            }
            return .pairs(file: path(file), samples: samples)
        case (nil, let file?):
            return .answers(
                prompts: path(file), limit: try node.integer("limit", in: 1...1_000_000),
                keep: try node.choice("keep", as: Keep.self) ?? .refusals, samples: samples,
                maxNewTokens: try node.integer("max_new_tokens", in: 1...100_000) ?? 64)
        default: throw parent.error(key, "needs either pairs or prompts")
        }
    }

    private static func conditions(
        _ top: StudyNode, file: String, _ path: @escaping (String) -> String
    ) throws(InputError) -> [Condition] {
        guard let nodes = try top.list("conditions"), !nodes.isEmpty else {
            throw top.error("conditions", "has to be a list that has unedited in it")
        }
        var conditions: [Condition] = []
        for (index, node) in try GridExpansion.expand(nodes, file: file) {
            let place = StudyNode.place(file, node.mark?.line)
            guard !node.isNull else { throw InputError(place, "conditions[\(index)] is empty") }
            let own: [Condition]
            if let word = node.scalar?.string {
                guard let method = ConditionMethods.named(word)?.withoutSettings else {
                    throw InputError(place, "conditions[\(index)]: \(word) needs settings, as in \"\(word): {…}\"")
                }
                own = [Condition(name: word, method: method)]
            } else {
                own = try entryConditions(node, index, file: file, path)
            }
            for condition in own {
                try check(name: condition.name, among: conditions, place)
                conditions.append(condition)
            }
        }
        return conditions
    }

    /// The conditions that a mapping with a method's key stands for.
    private static func entryConditions(
        _ node: Node, _ index: Int, file: String, _ path: @escaping (String) -> String
    ) throws(InputError) -> [Condition] {
        let entry = try StudyNode(
            node, path: "conditions[\(index)]", keys: ["name", "order"] + ConditionMethods.keys, file: file)
        let methods = entry.keys.filter { $0 != "name" && $0 != "order" }
        guard methods.count == 1, let key = methods.first, let method = ConditionMethods.named(key) else {
            throw InputError(
                StudyNode.place(file, node.mark?.line),
                "conditions[\(index)] needs exactly one of \(ConditionMethods.keys.joined(separator: ", "))")
        }
        return try method.conditions(ConditionEntry(node: entry, key: key, path: path))
    }

    private static func check(name: String, among conditions: [Condition], _ place: FileLocation) throws(InputError) {
        guard !conditions.contains(where: { $0.name == name }) else {
            throw InputError(place, "two conditions are called \(name); give one a name of its own")
        }
        if let fault = RunName.fault(condition: name) { throw InputError(place, "the name \(name) \(fault)") }
    }

    /// What no single key can tell.
    private func check(_ top: StudyNode) throws(InputError) {
        guard conditions.contains(where: \.isUnedited) else {
            throw top.error("conditions", "have to include unedited: the coherence floor is calibrated on its answers")
        }
        for condition in conditions { try condition.method.check(condition, in: self, top) }
        try checkOverlap(top)
        try checkLayerCurves(top)
        try checkLayerRange(top)
        for name in export where !conditions.contains(where: { $0.name == name && !$0.isUnedited }) {
            throw top.error("export", "names \(name), which is no edited condition of this study")
        }
        if let window = evaluation.perplexity?.window, window > batchTokens {
            throw top.error("evaluation", "perplexity.window = \(window) is larger than batch_tokens = \(batchTokens)")
        }
    }

    func checkMask(
        _ name: String, of condition: Condition, key: String, orRanks: Bool = false, _ top: StudyNode
    ) throws(InputError) {
        let earlier = conditions.prefix { $0.name != condition.name }
        let masks = earlier.filter { item in
            if orRanks, case .ranks = item.method.making { return true }
            return item.makesMask(in: self)
        }.map(\.name)
        guard masks.contains(name) else {
            let nearest = nearestName(to: name, among: masks)
            throw top.error(
                "conditions",
                "\(condition.name): \(key) = \(name) is no earlier condition with a mask"
                    + (orRanks ? " or of ranks" : "")
                    + (nearest.map { "; did you mean \($0)?" } ?? ""))
        }
    }
}

extension SystemPrompt {
    /// `template` (or nothing), `none`, or the prompt itself.
    package init(word: String?) {
        switch word {
        case nil, "template": self = .template
        case "none": self = .none
        case .some(let text): self = .text(text)
        }
    }

    package var word: String {
        switch self {
        case .template: "template"
        case .none: "none"
        case .text(let text): text
        }
    }
}
