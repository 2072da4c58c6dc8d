import Selection
import Tensors
import Transformer

extension ScaledWeights: AppliedEdit {
    /// Multiplies the maps that it names.
    static func apply(_ bundle: TensorBundle, to stage: StageContext) throws {
        let byName = bundle.byName
        stage.forEachMap { matrix, number, part in
            guard let factor = byName[part.name] else { return }
            matrix.scale(part: number, by: factor.buffer.floats[0])
        }
    }
}
