import Linalg
import Selection
import Tensors
import Transformer

extension Perturbation: AppliedEdit {
    /// Has all weights of the stage read as they are moved; always from the checkpoint's.
    static func apply(_ bundle: TensorBundle, to stage: StageContext) throws {
        let edit = try Perturbation(bundle: bundle, source: title)
        guard !edit.isIdentity else { return }
        let move = try DirectionMove(edit, of: stage.source.base, files: stage.files, memory: stage.directions)
        try move.prepare(stage.tensorNames) { stage.pool.run($0, $1) }
        try stage.rewriteWeights { try move.apply($0, $1, $2) }
    }
}
