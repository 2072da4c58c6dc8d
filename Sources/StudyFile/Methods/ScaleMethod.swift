package import Checkpoint
package import Selection
package import Tensors
import Yams

/// The linear maps of some decoder blocks are multiplied by a factor (Safety Layers, arXiv 2408.17003, section 3.3).
package struct ScaleMethod: ConditionMethod {
    package static let keys = ["scale"]
    package static func axes(of key: String) -> [ListAxis] { [ListAxis(key: "layers"), ListAxis(key: "alpha")] }

    package var range: LayerRange
    package var alpha: Double
    /// Which maps, in the order of `LinearMap.allCases`.
    package var maps: [LinearMap]

    /// Reads blocks, factor and maps.
    /// - Throws: `InputError` with file, line and the key's path.
    package init(_ entry: ConditionEntry) throws(InputError) {
        let node = try entry.settings(["layers", "bounds", "alpha", "maps"])
        range = try LayerRange(node)
        alpha = try node.required("alpha") { key throws(InputError) in try node.number(key, in: -1e6...1e6) }
        maps = try Self.maps(node)
    }

    private static let names: [(String, LinearMap)] = [
        ("q", .q), ("k", .k), ("v", .v), ("o", .o), ("gate", .gate), ("up", .up), ("down", .down),
    ]

    /// Reads the key `maps`: all of them where it is missing.
    /// - Throws: `InputError` with file, line and the key's path.
    static func maps(_ node: StudyNode) throws(InputError) -> [LinearMap] {
        guard let items = try node.items("maps") else { return LinearMap.allCases }
        var chosen: [LinearMap] = []
        for item in items {
            let text = item.scalar?.string ?? "a list or mapping"
            guard let map = names.first(where: { $0.0 == text })?.1 else {
                throw node.unknown("maps", text, among: names.map(\.0))
            }
            guard !chosen.contains(map) else { throw node.error("maps", "has \(text) twice") }
            chosen.append(map)
        }
        guard !chosen.isEmpty else { throw node.error("maps", "is an empty list") }
        return LinearMap.allCases.filter { chosen.contains($0) }
    }

    /// Which maps in words; nothing where it is all of them.
    static func words(_ maps: [LinearMap]) -> String {
        guard maps.count < LinearMap.allCases.count else { return "" }
        return ", \(names.filter { maps.contains($0.1) }.map(\.0).joined(separator: " ")) alone"
    }

    package var title: String { "\(range.title) × \(plainNumber(alpha))\(Self.words(maps))" }

    package func family(_ extent: EditExtent) -> ConditionFamily { .scaled }
    package var coordinates: [GridAxis] { [] }
    package var files: [String] { [] }
    package var sides: [Study.Side] { [] }
    package var needsScores: Bool { false }
    package var sequence: BlockSequence { .withoutData }
    package var cost: EditCost { .settings }
    package var making: Making {
        .edit { [range, alpha, maps] inputs in
            ScaledWeights(range.layers, maps, by: Float(alpha), of: inputs.model.config)
        }
    }

    package func check(_ condition: Study.Condition, in study: Study, _ top: StudyNode) {}

    /// Checks that the model has these blocks.
    /// - Throws: `InputError` naming the condition.
    package func check(_ condition: Study.Condition, against config: ModelConfig) throws {
        try range.check(config, condition: condition.name)
    }

    /// Its words decide it.
    package func fingerprint(
        _ condition: Study.Condition, in study: Study, _ known: KnownInputs
    ) -> [String]? { condition.fingerprint }
}

extension ConditionFamily { package static let scaled = ConditionFamily(36, "scaled blocks") }
