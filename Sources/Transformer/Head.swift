import CKernels
import Checkpoint
import Linalg
public import Tensors

/// Final norm and LM head, evaluated at chosen rows only: a whole prompt's logits are never made.
public final class Head {
    static let name = ModelConfig.headName
    let norm: Norm
    public let matrix: WeightMatrix
    let pool: ThreadPool
    var vocabulary: Int { matrix.rows }
    private var width: Int { matrix.columns }

    init(source: any WeightSource, pool: ThreadPool, matrix: WeightMatrix) throws {
        self.pool = pool
        self.matrix = matrix
        norm = try Norm("model.norm.weight", source: source)
    }

    /// Calls `body` with the logits [tile.count × vocabulary] (its to overwrite) of each tile of `rows`, in order.
    /// - Parameter y: the last block's output [any × d]; `rows` index into it.
    /// - Throws: `StageError.notFinite` where a logit is no finite number; what `WeightMatrix.withFloats` and `body`
    ///   throw.
    public func forEachLogits(
        _ y: AlignedBuffer, rows: [Int],
        _ body: (_ tile: Range<Int>, _ logits: UnsafeMutablePointer<Float>, _ normed: AlignedBuffer) throws -> Void
    ) throws {
        guard !rows.isEmpty else { return }
        let size = min(ModelFootprint.logitRows, rows.count)
        let logits = AlignedBuffer(floats: size * vocabulary, zeroed: false)
        var start = 0
        while start < rows.count {
            let tile = start..<min(rows.count, start + size)
            let gathered = gather(y, rows: rows[tile])
            let normed = AlignedBuffer(floats: tile.count * width, zeroed: false)
            norm.forward(pool, y: normed.p, x: gathered.p, rows: tile.count)
            try matrix.multiply(normed.p, into: logits.p, count: tile.count)
            try checkFinite(logits.p, rows: tile.count)
            try body(tile, logits.p, normed)
            start = tile.upperBound
        }
    }

    /// Log-probability of each target and whether it was the most likely token.
    /// - Parameter y: the last block's output [rows × d].
    /// - Throws: `StageError.badToken` where a target is outside the vocabulary; what `forEachLogits` throws.
    public func logProbabilities(_ y: AlignedBuffer, batch: PackedBatch) throws -> (values: [Float], greedy: [Bool]) {
        let targets = batch.targets
        var values = [Float](repeating: 0, count: targets.count)
        var greedy = [Bool](repeating: false, count: targets.count)
        try forEachLogits(y, rows: targets.map(\.row)) { tile, logits, _ in
            try check(targets[tile])
            values.withUnsafeMutableBufferPointer { values in
                greedy.withUnsafeMutableBufferPointer { greedy in
                    nonisolated(unsafe) let (v, g) = (values.baseAddress!, greedy.baseAddress!)
                    pool.run(tile.count) { i in
                        let row = logits + i * vocabulary
                        let token = Int(targets[tile.lowerBound + i].token)
                        v[tile.lowerBound + i] = row[token] - fl_logsumexp(row, vocabulary)
                        g[tile.lowerBound + i] = fl_argmax(row, vocabulary) == token
                    }
                }
            }
        }
        return (values, greedy)
    }

    /// Cross-entropy and its gradient.
    /// - Parameters:
    ///   - weights: per sequence, the factor on each of its targets' NLL (1/response tokens for the mean loss).
    ///   - tap: takes the final norm's gradient; `headGradient` [vocabulary × d] the head's, or nil.
    /// - Returns: Σ weighted NLL per sequence, and the gradient at the last block's output [rows × d].
    /// - Throws: `StageError.badToken` where a target is outside the vocabulary; what `forEachLogits` throws.
    public func lossGradient(
        _ y: AlignedBuffer, batch: PackedBatch, weights: [Float], tap: any Tap,
        headGradient: UnsafeMutablePointer<Float>?
    ) throws -> (losses: [Double], gradient: AlignedBuffer) {
        let targets = batch.targets
        let dy = AlignedBuffer(floats: batch.rowCount * width)
        var nll = [Float](repeating: 0, count: targets.count)
        try forEachLogits(y, rows: targets.map(\.row)) { tile, logits, normed in
            try check(targets[tile])
            nll.withUnsafeMutableBufferPointer { nll in
                nonisolated(unsafe) let out = nll.baseAddress!
                pool.run(tile.count) { i in
                    let row = logits + i * vocabulary
                    let target = targets[tile.lowerBound + i]
                    let lse = fl_logsumexp(row, vocabulary)
                    let weight = weights[target.sequence]
                    out[tile.lowerBound + i] = (lse - row[Int(target.token)]) * weight
                    fl_cross_entropy_gradient(row, lse, weight, vocabulary)
                    row[Int(target.token)] -= weight
                }
            }
            let dnormed = AlignedBuffer(floats: tile.count * width, zeroed: false)
            try matrix.withFloats {
                GEMM.inputGradient(
                    pool, dx: dnormed.p, lddx: width, dy: logits, lddy: vocabulary, w: $0, rows: tile.count,
                    outputs: vocabulary, inputs: width)
            }
            if let headGradient {
                GEMM.weightGradient(
                    pool, dw: headGradient, dy: logits, lddy: vocabulary, x: normed.p, ldx: width, rows: tile.count,
                    outputs: vocabulary, inputs: width)
            }
            // Rows are distinct for plain sequences, but add in order all the same.
            let gathered = gather(y, rows: targets[tile].map(\.row)[...])
            let dw = tap.vectorGradient(norm.name)
            for i in 0..<tile.count {
                fl_rmsnorm_backward(
                    dy.p + targets[tile.lowerBound + i].row * width, dw, dnormed.p + i * width, gathered.p + i * width,
                    norm.weight.p, width, norm.epsilon)
            }
        }
        var losses = [Double](repeating: 0, count: batch.spans.count)
        for (i, target) in targets.enumerated() { losses[target.sequence] += Double(nll[i]) }
        return (losses, dy)
    }

    /// - Throws: `StageError.notFinite`: no token is likelier than another, so nothing can be measured or chosen.
    private func checkFinite(_ logits: UnsafePointer<Float>, rows: Int) throws {
        let failures = Failures()
        nonisolated(unsafe) let logits = logits
        pool.run(rows) { row in
            let place = fl_first_not_finite(logits + row * vocabulary, vocabulary)
            guard place < vocabulary else { return }
            failures.add(StageError.notFinite("the logit of token \(place)"))
        }
        try failures.rethrow()
    }

    private func gather(_ y: AlignedBuffer, rows: ArraySlice<Int>) -> AlignedBuffer {
        let out = AlignedBuffer(floats: rows.count * width, zeroed: false)
        for (i, row) in rows.enumerated() { (out.p + i * width).update(from: y.p + row * width, count: width) }
        return out
    }

    private func check(_ targets: ArraySlice<PackedBatch.Target>) throws {
        for target in targets where target.token < 0 || Int(target.token) >= vocabulary {
            throw StageError.badToken(target.token, vocabulary: vocabulary)
        }
    }
}
