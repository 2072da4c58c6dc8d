package import Checkpoint
package import Selection
package import Tensors

/// The middle blocks' outputs are moved along refusal vectors while the model runs: toward refusal for prompts that a gate
/// takes to be unsafe, away from it for all others (SCANS, arXiv 2408.11491; `ScansGate` has the gate's formula). The gate is
/// calibrated on prompts of its own, which the evaluation may not have.
package struct ScansMethod: ConditionMethod {
    package static let keys = ["scans"]
    package static func axes(of key: String) -> [ListAxis] { [ListAxis(key: "alpha")] }

    /// What stands for the state after the last block.
    package enum LastState: String, Sendable, CaseIterable {
        /// What the final norm makes of it, as transformers' list of hidden states and the published code have it.
        case norm
        /// What the block hands on, as it does everywhere else.
        case output
    }

    package var harmful: Study.PromptSet
    package var harmless: Study.PromptSet
    /// Prompts of each list that vectors and reference are means over.
    package var anchors = standardAnchors
    /// Prompts of each list, others than these, that the gate is calibrated on.
    package var calibration = standardCalibration
    /// Factor on every refusal vector.
    package var alpha = standardAlpha
    /// The blocks at whose output it is added, counted from 0; `nil`: the middle ones.
    package var layers: [Int]?
    /// The blocks that the gate looks at; `nil`: calibrated.
    package var gateLayers: [Int]?
    /// `nil`: calibrated.
    package var threshold: Double?
    /// What is put after a prompt to see how its state changes.
    package var response = standardResponse
    package var lastState = LastState.norm

    package static let standardAnchors = 64
    package static let standardCalibration = 32
    /// The published code's for Llama-2.
    package static let standardAlpha = 3.5
    package static let standardResponse = " Sure"

    package init(harmful: Study.PromptSet, harmless: Study.PromptSet) {
        (self.harmful, self.harmless) = (harmful, harmless)
    }

    /// - Throws: `InputError` with file, line and the key's path.
    package init(_ entry: ConditionEntry) throws(InputError) {
        let node = try entry.settings([
            "harmful", "harmless", "anchors", "calibration", "alpha", "layers", "gate_layers", "threshold", "response",
            "last_state",
        ])
        self.init(
            harmful: try node.required("harmful") { key throws(InputError) in
                try Study.prompts(node, key, entry.path)
            },
            harmless: try node.required("harmless") { key throws(InputError) in
                try Study.prompts(node, key, entry.path)
            })
        for (key, set) in [("harmful", harmful), ("harmless", harmless)] where set.samples != nil {
            throw node.error(key, "has samples: anchors and calibration say how many are drawn")
        }
        anchors = try node.integer("anchors", in: 1...1_000_000) ?? anchors
        calibration = try node.integer("calibration", in: 1...10_000) ?? calibration
        alpha = try node.number("alpha", in: -1e6...1e6) ?? alpha
        layers = try node.blocks("layers")
        gateLayers = try node.blocks("gate_layers")
        threshold = try node.number("threshold", in: -1...1)
        response = try node.string("response") ?? response
        lastState = try node.choice("last_state", as: LastState.self) ?? lastState
    }

    /// Of a model with this many blocks: blocks 10 to 19 of 32, which the published code steers in 7B models, as a share of
    /// all. That other depths take the same share is ours.
    package static func middle(of layerCount: Int) -> [Int] {
        let first = min(layerCount - 1, layerCount * 10 / 32)
        return Array(first..<max(first + 1, layerCount * 20 / 32))
    }

    /// The same method as far as its gate and vectors depend on it.
    package var gateSettings: ScansMethod {
        var same = self
        (same.alpha, same.layers) = (1, nil)
        return same
    }

    package var title: String {
        func words(_ blocks: [Int]) -> String { blocks.map(String.init).joined(separator: " ") }
        let steered = layers.map { "blocks \(words($0))" } ?? "middle blocks"
        let gate = [
            gateLayers.map { "over blocks \(words($0))" }, threshold.map { "from \(plainNumber($0))" },
        ]
        var parts: [String] = []
        for case let part? in gate { parts.append(part) }
        let stated = parts.isEmpty ? "" : ", gate \(parts.joined(separator: " "))"
        return "SCANS × \(plainNumber(alpha)), \(steered)\(stated)"
    }

    package func family(_ extent: EditExtent) -> ConditionFamily { .scans }
    package var goesByPrompts: Bool { true }
    package var coordinates: [GridAxis] { [GridAxis("alpha", plainNumber(alpha), alpha)] }
    package var files: [String] { [harmful.file, harmless.file] }
    package var sides: [Study.Side] { [] }
    package var needsScores: Bool { false }
    package var sequence: BlockSequence { .withoutData }
    package var making: Making { .scans(self) }

    package func check(_ condition: Study.Condition, in study: Study, _ top: StudyNode) throws(InputError) {
        guard study.evaluation.harmful != nil || study.evaluation.harmless != nil else {
            throw top.error(
                "conditions",
                "\(condition.name): scans steers the prompts of the evaluation, which has neither harmful nor harmless ones"
            )
        }
        guard study.export.contains(condition.name) else { return }
        throw top.error("export", "names \(condition.name): weights alone do not hold what SCANS does")
    }

    package func check(_ condition: Study.Condition, against config: ModelConfig) throws {
        guard let (key, fault) = blockBeyond(config) else { return }
        throw InputError("condition \(condition.name)", "scans.\(key): \(fault)")
    }

    /// The first key that names a block the model does not have, and what is wrong with it.
    package func blockBeyond(_ config: ModelConfig) -> (key: String, fault: String)? {
        for (key, blocks) in [("layers", layers), ("gate_layers", gateLayers)] {
            guard let beyond = blocks?.first(where: { $0 >= config.layerCount }) else { continue }
            return (key, "block \(beyond) is none of the model's \(config.layerCount)")
        }
        return nil
    }

    /// What the gate comes to is not known before a run.
    package func fingerprint(_ condition: Study.Condition, in study: Study, _ known: KnownInputs) -> [String]? { nil }
}

extension ConditionFamily { package static let scans = ConditionFamily(22, "SCANS") }
