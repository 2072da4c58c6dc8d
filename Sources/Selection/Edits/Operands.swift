public import Checkpoint
public import Tensors

/// An edit that leaves the weights as they are and brings tensors that tasks compute with.
public struct Operands: WeightEdit {
    public static let kind = EditKind.operands
    public static let title = "operands"

    private var tensors: TensorBundle

    public init(_ tensors: TensorBundle) {
        self.tensors = tensors
        self.tensors.metadata[EditKind.key] = Self.kind.rawValue
    }

    /// Takes over a bundle of operands.
    /// - Throws: `SelectionError.file` where the bundle is of another kind; `.unknownEdit` where its kind is none.
    public init(bundle: TensorBundle, source: String) throws(SelectionError) {
        guard try EditKind.of(bundle) == Self.kind else { throw .file(source, fault: "is no bundle of operands") }
        tensors = bundle
    }

    public var bundle: TensorBundle { tensors }
    public var metadata: [String: String] {
        get { tensors.metadata }
        set { tensors.metadata = newValue }
    }

    public static func share(_ bundle: TensorBundle, of place: StagePlace) -> [TensorBundle.Entry] {
        place.entries(of: bundle)
    }

    /// Not looked at here: the task that uses them knows which tensors it needs.
    public func check(against model: any WeightSource, named source: String) throws {}
    public var extent: EditExtent { EditExtent() }
    public var adapter: LowRankEdit? { nil }
    public func reasonForNoEffect(in model: any WeightSource) -> String? { "it leaves the weights as they are" }
    /// Weights alone do not hold what this edit does.
    /// - Throws: `SelectionError.notExported`, always.
    public func rewrite() throws(SelectionError) -> WeightRewrite { throw .notExported(Self.title) }
}
