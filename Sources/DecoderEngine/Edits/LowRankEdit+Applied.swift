import Checkpoint
import Selection
import Tensors
import Transformer

extension LowRankEdit: AppliedEdit {
    private struct Factors {
        let left: AlignedBuffer
        let right: AlignedBuffer
        let rank: Int
    }

    /// Adds the change to the maps that it names, to the embedding and to the head.
    static func apply(_ bundle: TensorBundle, to stage: StageContext) throws {
        let byName = bundle.byName
        try stage.forEachMap { matrix, number, part in
            guard let own = try factors(part.name, part.rows.count, matrix.columns, byName) else { return }
            try matrix.add(part: number, left: own.left, right: own.right, rank: own.rank)
        }
        let changed = try applyToHead(byName, stage)
        guard let embedding = stage.stage.embedding else { return }
        let sizes = (stage.config.vocabularySize, stage.config.hiddenSize)
        guard let own = try factors(ModelConfig.embeddingName, sizes.0, sizes.1, byName) else {
            if changed != nil, changed === embedding.resident { throw EngineError.wrongFactors(ModelConfig.headName) }
            return
        }
        // The rows of a matrix that it shares with the head have the head's change already.
        if let changed, changed.resident != nil, changed === embedding.resident { return }
        embedding.change = (own.left, own.right, own.rank)
    }

    /// - Returns: the head's matrix where it was changed.
    private static func applyToHead(
        _ byName: [String: TensorBundle.Entry], _ stage: StageContext
    ) throws -> WeightMatrix? {
        guard let matrix = stage.stage.head?.matrix,
            let own = try factors(ModelConfig.headName, matrix.rows, matrix.columns, byName)
        else { return nil }
        try matrix.add(part: 0, left: own.left, right: own.right, rank: own.rank)
        return matrix
    }

    private static func factors(
        _ name: String, _ rows: Int, _ columns: Int, _ byName: [String: TensorBundle.Entry]
    ) throws -> Factors? {
        guard let left = byName[left(name)] else { return nil }
        guard let right = byName[right(name)], left.type == .f32, right.type == .f32, left.shape.count == 2,
            left.shape[0] == rows, right.shape == [left.shape[1], columns]
        else { throw EngineError.wrongFactors(name) }
        return Factors(left: left.buffer, right: right.buffer, rank: left.shape[1])
    }
}
