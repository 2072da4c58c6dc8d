package import Checkpoint
package import Selection
package import Tensors

/// The control: as many random weights, or ranks, of every matrix as another condition takes there. Several seeds are several
/// conditions, whose mean and range the report shows.
package struct RandomLikeMethod: ConditionMethod {
    package static let keys = ["random"]
    package static func axes(of key: String) -> [ListAxis] {
        [ListAxis(key: "like", namesConditions: true), ListAxis(key: "seeds", word: "seed")]
    }

    package var like: String
    /// Of the draw; `nil`: the study's.
    package var seed: UInt64?

    package init(like: String, seed: UInt64? = nil) { (self.like, self.seed) = (like, seed) }

    /// Reads the name of the condition whose size it takes, and the seed.
    /// - Throws: `InputError` with file, line and the key's path.
    package init(_ entry: ConditionEntry) throws(InputError) {
        let node = try entry.settings(["like", "seeds"])
        like = try node.required("like", node.string)
        seed = try node.integer("seeds", in: 0...Int.max).map { UInt64($0) }
    }

    package var title: String { "random, sized like \(like)" + (seed.map { ", seed \($0)" } ?? "") }
    package func family(_ extent: EditExtent) -> ConditionFamily { extent.ranks > 0 ? .randomRanks : .randomWeights }
    package var coordinates: [GridAxis] { [] }
    package var drawnLike: String? { like }
    package var files: [String] { [] }
    package var sides: [Study.Side] { [] }
    package var needsScores: Bool { false }
    package var sequence: BlockSequence { .withoutData }
    package var making: Making { .like(like, seed: seed) }

    /// Checks that `like` names a condition before it that edits weights or ranks.
    /// - Throws: `InputError` naming the key of the study.
    package func check(_ condition: Study.Condition, in study: Study, _ top: StudyNode) throws(InputError) {
        try study.checkMask(like, of: condition, key: "random.like", orRanks: true, top)
    }

    package func check(_ condition: Study.Condition, against config: ModelConfig) {}

    /// The seed, and what decides the condition whose size it takes.
    /// - Throws: what `known` throws.
    package func fingerprint(
        _ condition: Study.Condition, in study: Study, _ known: KnownInputs
    ) throws -> [String]? {
        guard let other = study.conditions.first(where: { $0.name == like }),
            let key = try known.editKey(other)
        else { return nil }
        return ["random", "\(seed ?? study.seed)", key] + (try other.method.sides.map { try known.data($0) ?? "?" })
    }

    /// As many random weights of every matrix as the mask has.
    static func mask(like other: Mask, seed: UInt64) throws -> Mask {
        try Selector.mask(
            of: WeightScores.random(maps: other.maps.map(\.shape), seed: seed), sizedLike: other)
    }
}

extension ConditionFamily {
    package static let randomWeights = ConditionFamily(16, "random weights", isControl: true)
    package static let randomRanks = ConditionFamily(17, "random ranks", isControl: true)
}

/// What a description comes to in a study, where another condition decides.
package enum ResolvedMaking: Sendable {
    case nothing
    case mask(@Sendable (EditInputs) throws -> Mask)
    case edit(@Sendable (EditInputs) throws -> any WeightEdit)
    case ranks(RankRecipe, [Study.Side])
    /// As many random ranks of every linear map as the condition of that name takes there.
    case randomRanks(like: String, Study.Side, seed: UInt64)
    case training(Study.FineTune)
    case antidote(AntidoteMethod)
    /// The model of the edited condition of that name as it is; `nil`: the unedited one.
    case another(String?)
    case scans(ScansMethod)
}

extension Study {
    package func resolved(_ making: Making) -> ResolvedMaking {
        switch making {
        case .nothing: return .nothing
        case .mask(let choose): return .mask(choose)
        case .edit(let make): return .edit(make)
        case .ranks(let recipe, let sides): return .ranks(recipe, sides)
        case .training(let settings): return .training(settings)
        case .antidote(let method): return .antidote(method)
        case .another(let name):
            let isEdited = conditions.contains { $0.name == name && !$0.isUnedited }
            return .another(isEdited ? name : nil)
        case .scans(let method): return .scans(method)
        case .like(let name, let own):
            // Random directions are drawn in the subspace that the imitated condition takes its own from.
            if let other = conditions.first(where: { $0.name == name }), case .ranks(_, let sides) = other.method.making
            {
                return .randomRanks(like: name, sides[0], seed: own ?? seed)
            }
            return .mask { try RandomLikeMethod.mask(like: try $0.mask(name), seed: own ?? $0.seed) }
        }
    }
}
