public import Tensors

/// The kinds of edits by the names that both programs know them by. A new one is a case and a line of `type` here, a file
/// beside this one (`WeightEdit`), and what the workers do with it (`AppliedEdit` in DecoderEngine/Edits).
public enum EditKind: String, Sendable, CaseIterable {
    case zero
    case freeze
    case lowRank = "low_rank"
    case prunedLowRank = "pruned_low_rank"
    case training
    case operands
    case steering
    case ablation
    case perturbation
    case delta
    case scale

    public var type: any WeightEdit.Type {
        switch self {
        case .zero: ZeroedWeights.self
        case .freeze: FrozenWeights.self
        case .lowRank: LowRankEdit.self
        case .prunedLowRank: PrunedLowRank.self
        case .training: TrainingState.self
        case .operands: Operands.self
        case .steering: Steering.self
        case .ablation: Ablation.self
        case .perturbation: Perturbation.self
        case .delta: WeightDelta.self
        case .scale: ScaledWeights.self
        }
    }

    /// The key of a bundle's metadata that names its kind. A bundle that names none is a mask whose weights are set to zero:
    /// so are mask files written.
    public static let key = "edit"

    /// - Throws: `SelectionError.unknownEdit` where the bundle names a kind that is none.
    public static func of(_ bundle: TensorBundle) throws(SelectionError) -> EditKind {
        guard let name = bundle.metadata[key] else { return .zero }
        guard let kind = EditKind(rawValue: name) else { throw .unknownEdit(name, known: allCases.map(\.rawValue)) }
        return kind
    }
}
