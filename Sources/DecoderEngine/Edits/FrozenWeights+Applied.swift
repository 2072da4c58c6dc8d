import Selection
import Tensors
import Transformer

extension FrozenWeights: AppliedEdit {
    static func apply(_ bundle: TensorBundle, to stage: StageContext) throws {
        try stage.forEachMask(bundle) { _, _, part, mask in stage.frozen[part.name] = mask }
    }
}
