import Selection
import Tensors
import Transformer

extension PrunedLowRank: AppliedEdit {
    /// Adds the change to the maps that it names, then sets the mask's weights to zero.
    static func apply(_ bundle: TensorBundle, to stage: StageContext) throws {
        try LowRankEdit.apply(bundle, to: stage)
        var masks = TensorBundle(metadata: bundle.metadata)
        for entry in bundle.entries where entry.name.hasPrefix(zero) {
            masks.entries.append(
                .init(
                    name: String(entry.name.dropFirst(zero.count)), type: entry.type, shape: entry.shape,
                    buffer: entry.buffer))
        }
        try stage.forEachMask(masks) { matrix, number, _, mask in matrix.zero(part: number, mask: mask) }
    }
}
