package import Checkpoint
import Protocol
import Tensors

/// `lora` of a condition's `finetune`.
extension Study {
    /// The only value of `lora.dropout`: what is dropped at random is not offered.
    private enum Dropout: String, CaseIterable { case no }

    /// - Returns: with seed 0; the study's takes its place when the steps are laid out. `nil`: the weights themselves are
    ///   trained.
    /// - Throws: `InputError` with file, line and the key's path, also of keys beside it that say which of the weights are
    ///   trained or kept.
    static func lora(_ node: StudyNode) throws(InputError) -> LoRA? {
        guard let own = try node.mapping("lora", keys: ["rank", "alpha", "maps", "dropout"]) else { return nil }
        for kind in Restriction.Kind.allCases where node.has(kind.rawValue) {
            throw node.error(kind.rawValue, "goes not with lora: the model's own weights are all kept as they are")
        }
        if node.has("parameters") {
            throw node.error(
                "parameters", "goes not with lora: the matrices beside lora.maps are trained, and nothing else")
        }
        _ = try own.choice("dropout", as: Dropout.self)
        return LoRA(
            rank: try own.integer("rank", in: 1...65_536) ?? LoRA.standardRank,
            alpha: try own.number("alpha", in: 1e-6...1e6) ?? LoRA.standardAlpha, maps: try maps(own), seed: 0)
    }

    /// In the order of the block, whatever the file's; q and v where it says nothing, as peft has it.
    private static func maps(_ node: StudyNode) throws(InputError) -> [String] {
        let known = LinearMap.allCases.map(\.shortName)
        let names = try node.strings("maps") ?? [LinearMap.q.shortName, LinearMap.v.shortName]
        guard !names.isEmpty else { throw node.error("maps", "is empty") }
        for (index, name) in names.enumerated() {
            guard known.contains(name) else { throw node.unknown("maps", name, among: known) }
            guard !names[..<index].contains(name) else { throw node.error("maps", "has \(name) twice") }
        }
        return LinearMap.allCases.filter { names.contains($0.shortName) }.map(\.rawValue)
    }

    /// - Returns: how LoRA training is said in tables.
    static func title(_ lora: LoRA) -> String {
        let maps = LinearMap.allCases.filter { lora.maps.contains($0.rawValue) }.map(\.shortName)
        return "LoRA of rank \(lora.rank), alpha \(plainNumber(lora.alpha)), beside \(maps.joined(separator: ", "))"
    }

    /// Checks that `name` is an earlier condition that LoRA fine-tuning makes.
    /// - Throws: `InputError` naming the key.
    func checkTuned(_ name: String, of condition: Condition, key: String, _ top: StudyNode) throws(InputError) {
        let tuned = conditions.prefix { $0.name != condition.name }.filter { $0.fineTune?.lora != nil }.map(\.name)
        guard !tuned.contains(name) else { return }
        let nearest = nearestName(to: name, among: tuned).map { "; did you mean \($0)?" } ?? ""
        throw top.error(
            "conditions",
            "\(condition.name): \(key) = \(name) is no earlier condition that is fine-tuned with lora\(nearest)")
    }

    /// Another condition is made of this one's change of few ranks.
    package func isBuiltOn(_ name: String) -> Bool { conditions.contains { $0.method.builtOn.contains(name) } }
}

extension LinearMap {
    /// `q`, …, `down`.
    package var shortName: String {
        rawValue.split(separator: ".").last.map { String($0.dropLast("_proj".count)) } ?? rawValue
    }
}
