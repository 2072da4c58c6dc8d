import Selection
import Tensors
import Transformer

extension WeightDelta: AppliedEdit {
    /// Has all weights of the stage read with the differences added; the other checkpoints are read from this machine's disk.
    static func apply(_ bundle: TensorBundle, to stage: StageContext) throws {
        let edit = try WeightDelta(bundle: bundle, source: title)
        guard !edit.isIdentity else { return }
        try stage.rewriteWeights(
            edit.rewrite(of: stage.source.base, layers: stage.stage.range, files: stage.files))
    }
}
