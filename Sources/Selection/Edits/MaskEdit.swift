public import Checkpoint
public import Tensors

/// An edit that chooses weights. Its tensors are those of its mask, so it goes to the stages weight by weight.
public protocol MaskEdit: WeightEdit {
    var mask: Mask { get set }
}

extension MaskEdit {
    public var metadata: [String: String] {
        get { mask.metadata }
        set { mask.metadata = newValue }
    }

    public static func share(_ bundle: TensorBundle, of place: StagePlace) -> [TensorBundle.Entry] {
        place.entries(of: bundle)
    }

    public func check(against model: any WeightSource, named source: String) throws {
        try mask.check(against: model, named: source)
    }

    public var adapter: LowRankEdit? { nil }
}
