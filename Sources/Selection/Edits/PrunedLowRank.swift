public import Checkpoint
public import Tensors

/// An edit that adds a change of few ranks and then sets the mask's weights to zero.
///
/// Its tensors are those of the low-rank edit, and the mask's bits as `zero.NAME` (U8).
public struct PrunedLowRank: WeightEdit {
    public static let kind = EditKind.prunedLowRank
    public static let title = "low-rank edit, pruned"
    /// What the names of the mask's tensors begin with.
    public static let zero = "zero."

    public var edit: LowRankEdit
    public var mask: Mask

    public init(edit: LowRankEdit, mask: Mask) { (self.edit, self.mask) = (edit, mask) }

    /// - Throws: `SelectionError.file` where the bundle is no such edit.
    public init(bundle: TensorBundle, source: String) throws(SelectionError) {
        guard try EditKind.of(bundle) == Self.kind else { throw .file(source, fault: "is no pruned low-rank edit") }
        var factors = TensorBundle(metadata: bundle.metadata)
        factors.entries = bundle.entries.filter { !$0.name.hasPrefix(Self.zero) }
        edit = try LowRankEdit(bundle: factors, source: source)
        var maps: [Mask.Map] = []
        for entry in bundle.entries where entry.name.hasPrefix(Self.zero) {
            let name = String(entry.name.dropFirst(Self.zero.count))
            guard let shape = edit[name]?.shape, entry.type == .u8,
                let bits = BitSet(size: shape.count, bytes: UnsafeRawBufferPointer(entry.buffer.bytes))
            else { throw .file(source, map: name, fault: "its bits are not those of a map that the edit changes") }
            maps.append(.init(shape: shape, bits: bits))
        }
        mask = Mask(maps: maps)
    }

    public var metadata: [String: String] {
        get { edit.metadata }
        set { edit.metadata = newValue }
    }

    public var bundle: TensorBundle {
        var bundle = edit.bundle
        bundle.metadata[EditKind.key] = Self.kind.rawValue
        for entry in mask.bundle.entries {
            bundle.entries.append(
                .init(name: Self.zero + entry.name, type: entry.type, shape: entry.shape, buffer: entry.buffer))
        }
        return bundle
    }

    public static func share(_ bundle: TensorBundle, of place: StagePlace) -> [TensorBundle.Entry] {
        place.entries(of: bundle)
    }

    public func check(against model: any WeightSource, named source: String) throws {
        try edit.check(against: model, named: source)
    }

    public var extent: EditExtent { EditExtent(zeroed: mask.count, ranks: edit.rank) }
    public var adapter: LowRankEdit? { nil }

    public func reasonForNoEffect(in model: any WeightSource) -> String? {
        mask.count > 0 ? nil : edit.reasonForNoEffect(in: model)
    }

    public func rewrite() throws(SelectionError) -> WeightRewrite {
        let (change, zeroed) = (try edit.rewrite(), try ZeroedWeights(mask).rewrite())
        return { name, rows, values in
            try change(name, rows, values)
            try zeroed(name, rows, values)
        }
    }
}
