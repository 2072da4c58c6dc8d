import Selection
import Tensors
import Transformer

extension FrozenWeights: AppliedEdit {
    static func apply(_ bundle: TensorBundle, to stage: StageContext) throws {
        try stage.forEachMask(bundle) { _, _, part, mask in stage.frozen[part.name] = mask }
        let byName = bundle.byName
        for vector in stage.blockVectors {
            guard let mask = byName[vector.name] else { continue }
            try StageContext.check(mask, count: vector.count)
            stage.frozen[vector.name] = mask.buffer
        }
    }
}
