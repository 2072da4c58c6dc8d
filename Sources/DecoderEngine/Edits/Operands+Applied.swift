import Selection
import Tensors

extension Operands: AppliedEdit {
    static func apply(_ bundle: TensorBundle, to stage: StageContext) throws { stage.operands = bundle.byName }
}
