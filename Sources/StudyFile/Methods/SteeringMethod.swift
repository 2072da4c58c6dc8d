package import Checkpoint
import Datasets
import Protocol
package import Selection
package import Tensors

/// A vector is added to the residual stream at the output of some decoder blocks, from a position on (`Steering`).
package struct SteeringMethod: ConditionMethod {
    package static let keys = ["steer"]
    package static func axes(of key: String) -> [ListAxis] { [ListAxis(key: "alpha")] }

    /// Where the vectors come from.
    package enum Source: Sendable, Equatable {
        /// A safetensors file with `vector.L` [hidden size] for each block L.
        case file(String)
        /// The mean of the harmful prompts less that of the harmless ones, in a `residual_state` statistic of the study's own.
        case statistic(String, position: Int)
    }

    /// The prompts that are steered.
    package enum Gate: Sendable, Equatable {
        case all
        /// Those of the evaluation's harmful, or harmless, prompts.
        case harmful, harmless
        /// Those of the evaluation's prompts whose text stands in the file.
        case file(String)
    }

    package var source: Source
    /// Factor on every vector.
    package var alpha = 1.0
    /// The blocks at whose output it is added, counted from 0; `nil`: all that there are vectors of.
    package var layers: [Int]?
    package var start = Steering.Start.lastPromptToken
    package var gate = Gate.all

    package init(_ source: Source) { self.source = source }

    package init(_ entry: ConditionEntry) throws(InputError) {
        let node = try entry.settings(["vectors", "statistic", "position", "alpha", "layers", "from", "gate"])
        let position = try node.integer("position", in: -1024 ... -1)
        switch (try node.string("vectors"), try node.string("statistic")) {
        case (let file?, nil):
            guard position == nil else { throw node.error("position", "goes with statistic, not with vectors") }
            source = .file(entry.path(file))
        case (nil, let name?): source = .statistic(name, position: position ?? -1)
        default: throw entry.node.error(entry.key, "needs either vectors (a file) or statistic (a name)")
        }
        alpha = try node.number("alpha", in: -1e6...1e6) ?? alpha
        layers = try node.blocks("layers")
        start = try Self.start(node)
        gate = try Self.gate(node, entry.path)
    }

    private static func start(_ node: StudyNode) throws(InputError) -> Steering.Start {
        guard let text = try node.string("from"), text != "last_prompt" else { return .lastPromptToken }
        guard let position = Int(text), (0..<1 << 24).contains(position) else {
            throw node.error("from", "= \(text) is neither last_prompt nor a position from 0")
        }
        return .position(position)
    }

    private static func gate(_ node: StudyNode, _ path: (String) -> String) throws(InputError) -> Gate {
        switch try node.string("gate") {
        case nil, "all": .all
        case "harmful": .harmful
        case "harmless": .harmless
        case .some(let file): .file(path(file))
        }
    }

    package var title: String {
        let vectors =
            switch source {
            case .file(let file): Self.name(file)
            case .statistic(let name, let position): "statistic \(name) at \(position)"
            }
        let blocks = layers.map { ", blocks \($0.map(String.init).joined(separator: " "))" } ?? ""
        let from =
            switch start {
            case .lastPromptToken: "the last prompt token"
            case .position(let position): "position \(position)"
            }
        let prompts =
            switch gate {
            case .all: ""
            case .harmful: ", harmful prompts"
            case .harmless: ", harmless prompts"
            case .file(let file): ", prompts of \(Self.name(file))"
            }
        return "steered by \(vectors) × \(plainNumber(alpha))\(blocks), from \(from)\(prompts)"
    }

    private static func name(_ file: String) -> String { file.split(separator: "/").last.map(String.init) ?? file }

    package func family(_ extent: EditExtent) -> ConditionFamily { .steered }
    package var coordinates: [GridAxis] { [GridAxis("alpha", plainNumber(alpha), alpha)] }

    package var files: [String] {
        var files: [String] = []
        if case .file(let path) = source { files.append(path) }
        if case .file(let path) = gate { files.append(path) }
        return files
    }
    package var sides: [Study.Side] { [] }
    package var needsScores: Bool { false }
    package var sequence: BlockSequence { .withoutData }
    package var goesByPrompts: Bool { gate != .all }
    package var cost: EditCost { .settings }
    package var making: Making { .edit { [self] in try edit($0) } }

    package func check(_ condition: Study.Condition, in study: Study, _ top: StudyNode) throws(InputError) {
        func fault(_ words: String) -> InputError { top.error("conditions", "\(condition.name): \(words)") }
        if study.export.contains(condition.name) {
            throw top.error("export", "names \(condition.name): weights alone do not hold what steering does")
        }
        if case .statistic(let name, let position) = source {
            try study.checkResidualState(name, position: position, of: condition, key: "steer", top)
        }
        if gate == .harmful && study.evaluation.harmful == nil || gate == .harmless && study.evaluation.harmless == nil
        {
            throw fault("steer.gate names prompts that the evaluation does not put")
        }
    }

    package func check(_ condition: Study.Condition, against config: ModelConfig) throws {
        if case .file(let path) = gate { _ = try DataFiles().prompts(path) }
        guard case .file(let path) = source else {
            return try check(layers: Set(0..<config.layerCount), of: "the model has")
        }
        let vectors = try Self.vectors(path)
        try Steering(vectors: vectors.mapValues { $0.map { Float($0) } }, start: start)
            .check(against: config, named: path)
        try check(layers: Set(vectors.keys), of: "\(path) has a vector of")
    }

    private func check(layers known: Set<Int>, of what: String) throws(InputError) {
        guard let missing = layers?.first(where: { !known.contains($0) }) else { return }
        throw InputError("steer.layers", "block \(missing) was asked for, which is none that \(what)")
    }

    /// Vectors of a file, by their block.
    private static func vectors(_ path: String) throws -> [Int: [Double]] {
        var vectors: [Int: [Double]] = [:]
        for entry in try TensorBundle(safetensors: path).entries where entry.name.hasPrefix(Steering.vector) {
            guard let layer = Steering.layer(of: entry.name), entry.shape.count == 1 else {
                throw SelectionError.file(path, map: entry.name, fault: "is no vector of a block")
            }
            vectors[layer] = try values(entry, path)
        }
        guard !vectors.isEmpty else {
            throw SelectionError.file(path, fault: "has no tensor \(Steering.vector)L [hidden size] of a block L")
        }
        return vectors
    }

    private static func values(_ entry: TensorBundle.Entry, _ path: String) throws -> [Double] {
        let values: [Double]
        switch entry.type {
        case .f32: values = entry.buffer.floatArray().map { Double($0) }
        case .f64: values = entry.buffer.doubleArray()
        default: throw SelectionError.file(path, map: entry.name, fault: "is neither F32 nor F64")
        }
        guard values.allSatisfy({ Float($0).isFinite }) else {
            throw SelectionError.file(path, map: entry.name, fault: "holds a value that is no finite number")
        }
        return values
    }

    private func edit(_ inputs: EditInputs) throws -> any WeightEdit {
        var vectors: [Int: [Double]]
        switch source {
        case .file(let path): vectors = try Self.vectors(path)
        case .statistic(let name, let position):
            vectors = try Self.differences(try inputs.statistic(name), at: position, inputs.model.config)
        }
        if let layers { vectors = vectors.filter { layers.contains($0.key) } }
        let steering = Steering(
            vectors: vectors.mapValues { $0.map { Float(alpha * $0) } }, start: start,
            gate: try gated(inputs.prompts, inputs.files),
            metadata: ["alpha": "\(alpha)"])
        try steering.check(against: inputs.model.config, named: "steering")
        return steering
    }

    /// Mean of the harmful prompts less that of the harmless ones at every block's output.
    private static func differences(
        _ file: TensorBundle, at position: Int, _ config: ModelConfig
    ) throws -> [Int: [Double]] {
        var vectors: [Int: [Double]] = [:]
        for layer in 0..<config.layerCount {
            let place = layer + 1 < config.layerCount ? ResidualPlace.input(layer + 1) : .output
            vectors[layer] = try ResidualState.meanDifference(of: file, place, position: position)
        }
        return vectors
    }

    /// The tokens of the prompts that are steered; `nil`: all are.
    private func gated(_ prompts: [PutPrompt], _ files: DataFiles) throws -> Set<[Int32]>? {
        switch gate {
        case .all: return nil
        case .harmful: return Set(prompts.filter(\.isHarmful).map(\.tokens))
        case .harmless: return Set(prompts.filter { !$0.isHarmful }.map(\.tokens))
        case .file(let path):
            let texts = Set(try files.prompts(path))
            return Set(prompts.filter { texts.contains($0.text) }.map(\.tokens))
        }
    }

    /// The vectors' file, or all that decides the statistic; and the tokens of the prompts that a gate names.
    /// - Throws: where a file cannot be read; what `known` throws.
    package func fingerprint(
        _ condition: Study.Condition, in study: Study, _ known: KnownInputs
    ) throws -> [String]? {
        let vectors: String?
        switch source {
        case .file(let path): vectors = try Digest.sha256(file: path)
        case .statistic(let name, let position): vectors = try known.statistic(name).map { "\($0), at \(position)" }
        }
        guard let vectors else { return nil }
        let parts = condition.fingerprint + ["\(alpha)", vectors]
        guard let prompts = try gated(known.prompts, DataFiles(maxSkipped: study.maxSkipped)) else { return parts }
        let texts = prompts.sorted { $0.lexicographicallyPrecedes($1) }.map { "\($0)" }
        return parts + [Digest.sha256(Array(texts.joined(separator: "\n").utf8))]
    }
}

extension ConditionFamily { package static let steered = ConditionFamily(21, "steered") }
