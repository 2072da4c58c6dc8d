import CKernels
import Checkpoint
import Linalg
public import Tensors

/// Token embedding, the first stage's door.
public final class Embedding {
    static let name = ModelConfig.embeddingName
    private let source: any WeightSource
    private let vocabulary: Int
    private let width: Int
    /// f32 [vocabulary × d] where resident (training it, or shared with a tied head); else rows are read on demand.
    public internal(set) var resident: WeightMatrix?
    /// A change of its rows as they are looked up: left [vocabulary × rank] · right [rank × d]. The head has no part in it,
    /// also where both are one matrix.
    public var change: (left: AlignedBuffer, right: AlignedBuffer, rank: Int)?

    init(source: any WeightSource, shared: WeightMatrix?, pool: ThreadPool) throws {
        guard let shape = source.shape(of: Self.name) else { throw StageError.missingTensor(Self.name) }
        self.source = source
        vocabulary = shape[0]
        width = shape[1]
        resident = shared
        // Its rows are read as they are needed.
        if shared == nil {
            try FiniteWeights.check(source, Self.name, rows: vocabulary, columns: width, pool: pool)
        }
    }

    /// Writes rows back: a copy of a tied matrix that another stage trains.
    public func replaceRows(_ tokens: [Int32], with rows: AlignedBuffer) {
        guard let table = resident?.resident else { return }
        for (i, token) in tokens.enumerated() {
            (table.p + Int(token) * width).update(from: rows.p + i * width, count: width)
        }
    }

    /// One row [d] per token.
    /// - Throws: `StageError.badToken`.
    public func rows(_ tokens: [Int32]) throws -> AlignedBuffer {
        let out = AlignedBuffer(floats: tokens.count * width, zeroed: false)
        let table = resident?.resident
        for (i, token) in tokens.enumerated() {
            guard token >= 0, Int(token) < vocabulary else { throw StageError.badToken(token, vocabulary: vocabulary) }
            let row = out.p + i * width
            if let table {
                row.update(from: table.p + Int(token) * width, count: width)
            } else {
                try source.read(Self.name, rows: Int(token)..<Int(token) + 1, into: row)
            }
            if let change {
                let left = change.left.floats.baseAddress! + Int(token) * change.rank
                fl_low_rank_add(row, left, change.right.floats.baseAddress!, change.rank, 1, width)
            }
        }
        return out
    }
}
