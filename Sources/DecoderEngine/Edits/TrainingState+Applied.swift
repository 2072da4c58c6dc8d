import Selection
import Tensors

extension TrainingState: AppliedEdit {
    static func apply(_ bundle: TensorBundle, to stage: StageContext) throws { try stage.resumeTraining(bundle) }
}
