import Selection
import Tensors
import Transformer

extension ZeroedWeights: AppliedEdit {
    static func apply(_ bundle: TensorBundle, to stage: StageContext) throws {
        try stage.forEachMask(bundle) { matrix, number, _, mask in matrix.zero(part: number, mask: mask) }
    }
}
