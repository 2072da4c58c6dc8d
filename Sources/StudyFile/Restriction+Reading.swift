package import Checkpoint
import Selection
package import Tensors

/// The keys `freeze` and `rewind` of `finetune`.
extension Study.Restriction {
    /// What is frozen or rewound; `nil`: nothing.
    /// - Throws: `InputError` with file, line and the key's path.
    static func read(_ node: StudyNode) throws(InputError) -> Self? {
        var found: [Self] = []
        for kind in Kind.allCases {
            guard let weights = try weights(node, kind.rawValue, kind) else { continue }
            found.append(Self(kind, weights))
        }
        if found.count > 1 { throw node.error("rewind", "goes not with freeze: make two conditions of it") }
        return found.first
    }

    /// The name of a condition with a mask, or a mapping with exactly one of units, layers and all_but.
    private static func weights(_ node: StudyNode, _ key: String, _ kind: Kind) throws(InputError) -> Weights? {
        guard node.has(key) else { return nil }
        if node.isScalar(key) {
            guard let name = try node.string(key), name != "none" else { return nil }
            return .mask(of: name)
        }
        let choices = ["units", "layers", "all_but"]
        guard let entry = try node.mapping(key, keys: choices + ["bounds", "norms"]) else { return nil }
        let chosen = choices.filter { entry.has($0) }
        guard chosen.count == 1, let choice = chosen.first else {
            throw node.error(
                key, "needs the name of a condition with a mask, or one of \(choices.joined(separator: ", "))")
        }
        for other in ["bounds", "norms"] where entry.has(other) && choice != "layers" {
            throw entry.error(other, "goes with layers")
        }
        switch choice {
        case "units":
            return .units(
                try UnitSelection(
                    try entry.required("units") { key throws(InputError) in
                        try entry.mapping(key, keys: UnitSelection.keys)
                    }))
        case "layers":
            guard kind == .freeze else {
                throw entry.error("layers", "goes with freeze: rewinding takes back linear maps alone")
            }
            let norms = try entry.choice("norms", as: Study.LayerFreeze.Norms.self) ?? .trained
            return .layers(Study.LayerFreeze(try blocks(entry), norms: norms))
        default:
            guard let inner = try weights(entry, "all_but", kind) else {
                throw entry.error("all_but", "names nothing that is trained")
            }
            return .allBut(inner)
        }
    }

    /// A range of blocks, or the one that `layer_range` finds.
    private static func blocks(_ entry: StudyNode) throws(InputError) -> Study.LayerFreeze.Blocks {
        guard entry.isScalar("layers"), try entry.string("layers") == "found" else {
            return .named(try LayerRange(entry))
        }
        if entry.has("bounds") { throw entry.error("bounds", "goes with a range that is written out") }
        return .found
    }
}

extension Study {
    /// Whole decoder blocks that fine-tuning leaves as they are (SPPFT, arXiv 2408.17003): their attention and MLP, with
    /// biases and the norms over heads.
    package struct LayerFreeze: Sendable, Equatable {
        /// What becomes of the two norms before attention and MLP.
        package enum Norms: String, Sendable, CaseIterable {
            /// They are frozen, too.
            case frozen = "in"
            /// They are trained, as in the published code.
            case trained = "out"
        }

        package enum Blocks: Sendable, Equatable {
            case named(LayerRange)
            /// The range that the study finds.
            case found
        }

        package var blocks: Blocks
        package var norms: Norms

        package init(_ blocks: Blocks, norms: Norms) { (self.blocks, self.norms) = (blocks, norms) }

        package var title: String {
            let words = if case .named(let range) = blocks { range.title } else { "the blocks that layer_range finds" }
            return words + (norms == .frozen ? " with their norms" : "")
        }

        /// - Throws: `InputError` where the model has fewer blocks.
        package func check(_ config: ModelConfig, condition: String) throws(InputError) {
            if case .named(let range) = blocks { try range.check(config, condition: condition) }
        }
    }
}
