public import Checkpoint
public import Tensors

/// An edit that sets the mask's weights to zero.
public struct ZeroedWeights: MaskEdit {
    public static let kind = EditKind.zero
    public static let title = "mask"

    public var mask: Mask

    public init(_ mask: Mask) { self.mask = mask }

    /// Reads the mask of the weights to set to zero.
    /// - Throws: `SelectionError.file` where the bundle is not a mask.
    public init(bundle: TensorBundle, source: String) throws(SelectionError) {
        mask = try Mask(bundle: bundle, source: source)
    }

    /// A mask file's tensors: they name no kind.
    public var bundle: TensorBundle {
        var bundle = mask.bundle
        bundle.metadata[EditKind.key] = nil
        return bundle
    }

    public var extent: EditExtent { EditExtent(zeroed: mask.count) }

    /// Why the model is the same with this edit: it selects nothing, or nothing but zeros. `nil` where something
    /// changes.
    /// - Throws: `CheckpointError` where the model's weights cannot be read.
    public func reasonForNoEffect(in model: any WeightSource) throws -> String? {
        guard mask.count > 0 else { return "it selects no weight" }
        for map in mask.maps where map.bits.count > 0 {
            if try Self.hasWeight(map, in: model) { return nil }
        }
        return "all \(mask.count) weights that it selects are zero in the model already"
    }

    /// Reads no further than to the first selected weight that is not zero.
    private static func hasWeight(_ map: Mask.Map, in model: any WeightSource) throws -> Bool {
        let columns = map.shape.columns
        let step = max(1, (1 << 16) / max(1, columns))
        let buffer = AlignedBuffer(floats: min(step, map.shape.rows) * columns, zeroed: false)
        for start in stride(from: 0, to: map.shape.rows, by: step) {
            let rows = start..<min(start + step, map.shape.rows)
            try model.read(map.shape.name, rows: rows, into: buffer.floats.baseAddress!)
            let base = start * columns
            if (0..<rows.count * columns).contains(where: { map.bits[base + $0] && buffer.floats[$0] != 0 }) {
                return true
            }
        }
        return false
    }

    /// Sets the selected weights to zero and leaves the others.
    /// - Throws: nothing: every such edit can be written into weights.
    public func rewrite() throws(SelectionError) -> WeightRewrite {
        let maps = Dictionary(mask.maps.map { ($0.shape.name, $0) }) { first, _ in first }
        return { name, rows, values in
            guard let map = maps[name] else { return }
            let first = rows.lowerBound * map.shape.columns
            for index in 0..<rows.count * map.shape.columns where map.bits[first + index] { values[index] = 0 }
        }
    }
}
