package import Checkpoint
import Protocol
package import Selection
package import Tensors

/// After LoRA fine-tuning, the weights that harmful data light up are set to zero (Antidote, arXiv 2408.09600; `Antidote` has
/// the formula).
package struct AntidoteMethod: ConditionMethod {
    package static let keys = ["antidote"]
    package static func axes(of key: String) -> [ListAxis] { [ListAxis(key: "percent")] }

    /// The fine-tuned condition.
    package var tuned: String
    /// The harmful pairs.
    package var pairs: String
    package var samples: Int?
    /// Of every row.
    package var percent: Double
    package var place: Antidote.Place

    /// - Throws: `InputError` with file, line and the key's path.
    package init(_ entry: ConditionEntry) throws(InputError) {
        let node = try entry.settings(["of", "pairs", "samples", "percent", "on"])
        tuned = try node.required("of", node.string)
        pairs = entry.path(try node.required("pairs", node.string))
        samples = try node.integer("samples", in: 1...Int.max)
        percent = try node.percent("percent") ?? Antidote.standardPercent
        place = try node.choice("on", as: Antidote.Place.self) ?? .merged
    }

    package var title: String {
        "Antidote on \(tuned), \(plainNumber(percent)) % of every row of \(place.title)"
            + (samples.map { ", by \($0) harmful pairs" } ?? "")
    }
    package func family(_ extent: EditExtent) -> ConditionFamily { place == .merged ? .antidote : .antidoteFactors }
    package var coordinates: [GridAxis] { [.percent("percent", percent)] }
    package var files: [String] { [pairs] }
    package var sides: [Study.Side] { [] }
    package var needsScores: Bool { false }
    package var sequence: BlockSequence { .withoutData }
    package var builtOn: [String] { [tuned] }
    package var making: Making { .antidote(self) }

    package func check(_ condition: Study.Condition, in study: Study, _ top: StudyNode) throws(InputError) {
        try study.checkTuned(tuned, of: condition, key: "antidote.of", top)
        guard place == .factors, let lora = study.conditions.first(where: { $0.name == tuned })?.fineTune?.lora,
            lora.maps.contains(LinearMap.down.rawValue)
        else { return }
        throw top.error(
            "conditions",
            "\(condition.name): antidote.on = factors does not go with \(tuned), which has matrices beside down: second moments of its inputs are not collected; ask for merged, or leave down out of lora.maps"
        )
    }

    package func check(_ condition: Study.Condition, against config: ModelConfig) {}

    /// A and B are pruned by second moments of inputs, which are not collected of a map alone with more inputs than outputs
    /// (`SecondMoments`): so of o where the heads together are wider than the residual stream.
    /// - Throws: `InputError` naming the condition and the map.
    func checkInputs(_ condition: Study.Condition, in study: Study, _ config: ModelConfig) throws(InputError) {
        guard place == .factors, let lora = study.conditions.first(where: { $0.name == tuned })?.fineTune?.lora else {
            return
        }
        for place in SecondMoments.places(of: config, layer: 0) where place.side == .output {
            guard let map = place.maps.first(where: { lora.maps.contains($0.rawValue) }) else { continue }
            throw InputError(
                "condition \(condition.name)",
                "antidote.on = factors does not go with \(tuned) on this model, which has matrices beside \(map.shortName): with more inputs than outputs, second moments of its inputs are not collected; ask for merged, or leave \(map.shortName) out of lora.maps"
            )
        }
    }

    /// The trained matrices are known by their data and settings, which no words say.
    package func fingerprint(_ condition: Study.Condition, in study: Study, _ known: KnownInputs) -> [String]? { nil }
}

extension ConditionFamily {
    package static let antidote = ConditionFamily(62, "Antidote")
    package static let antidoteFactors = ConditionFamily(63, "Antidote on A and B")
}
