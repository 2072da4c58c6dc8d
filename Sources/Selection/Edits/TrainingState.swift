public import Checkpoint
import Protocol
public import Tensors

/// An edit that puts a pipeline where a fine-tuning run was after some step (`TrainingEdit` has the names of its tensors).
public struct TrainingState: WeightEdit {
    public static let kind = EditKind.training
    public static let title = "fine-tuned"

    public var bundle: TensorBundle
    public var metadata: [String: String] {
        get { bundle.metadata }
        set { bundle.metadata = newValue }
    }

    /// Tensors stay where they are mapped: what is in them is looked at by the workers, who know the model.
    /// - Throws: `SelectionError.file` where the bundle is of another kind; `.unknownEdit` where its kind is none.
    public init(bundle: TensorBundle, source: String) throws(SelectionError) {
        guard try EditKind.of(bundle) == Self.kind else { throw .file(source, fault: "is no state of fine-tuning") }
        self.bundle = bundle
    }

    /// Embedding, final norm and head, each with its moments, go to the stages that hold them.
    public static func share(_ bundle: TensorBundle, of place: StagePlace) -> [TensorBundle.Entry] {
        let isTied = bundle[headName] == nil
        return place.entries(of: bundle) { name in
            name.hasSuffix(embeddingName) ? place.isFirst || (isTied && place.isLast) : place.isLast
        }
    }

    static let embeddingName = "model.embed_tokens.weight"
    static let headName = "lm_head.weight"

    /// Not looked at here: the workers compare every tensor with the model that they train.
    public func check(against model: any WeightSource, named source: String) throws {}
    public var extent: EditExtent { EditExtent() }
    public var adapter: LowRankEdit? { nil }
    public func reasonForNoEffect(in model: any WeightSource) -> String? { nil }
    /// Trained weights are exported as they come from the workers, not out of the checkpoint's.
    /// - Throws: `SelectionError.notExported`, always.
    public func rewrite() throws(SelectionError) -> WeightRewrite { throw .notExported(Self.title) }
}
