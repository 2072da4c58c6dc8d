import Selection
import Tensors
import Transformer

extension LowRankEdit: AppliedEdit {
    /// Adds the change to the maps that it names.
    static func apply(_ bundle: TensorBundle, to stage: StageContext) throws {
        let byName = bundle.byName
        try stage.forEachMap { matrix, number, part in
            guard let left = byName[left(part.name)] else { return }
            guard let right = byName[right(part.name)], left.type == .f32, right.type == .f32,
                left.shape.count == 2, left.shape[0] == part.rows.count,
                right.shape == [left.shape[1], matrix.columns]
            else { throw EngineError.wrongFactors(part.name) }
            try matrix.add(part: number, left: left.buffer, right: right.buffer, rank: left.shape[1])
        }
    }
}
