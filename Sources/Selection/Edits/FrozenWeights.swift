public import Checkpoint
public import Tensors

/// An edit that changes no weight: fine-tuning leaves the mask's weights as they are.
public struct FrozenWeights: MaskEdit {
    public static let kind = EditKind.freeze
    public static let title = "freeze"

    public var mask: Mask

    public init(_ mask: Mask) { self.mask = mask }

    /// Reads the mask of the weights that are to stay.
    /// - Throws: `SelectionError.file` where the bundle is not a mask.
    public init(bundle: TensorBundle, source: String) throws(SelectionError) {
        mask = try Mask(bundle: bundle, source: source)
        mask.metadata[EditKind.key] = nil
    }

    public var bundle: TensorBundle {
        var bundle = mask.bundle
        bundle.metadata[EditKind.key] = Self.kind.rawValue
        return bundle
    }

    public var extent: EditExtent { EditExtent() }
    public func reasonForNoEffect(in model: any WeightSource) -> String? { "it only keeps weights from fine-tuning" }
    /// Weights alone do not hold what this edit does.
    /// - Throws: `SelectionError.notExported`, always.
    public func rewrite() throws(SelectionError) -> WeightRewrite { throw .notExported(Self.title) }
}
