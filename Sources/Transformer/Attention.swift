import CKernels
import Checkpoint
import Linalg
import Tensors

/// Causal grouped-query attention over packed sequences.
///
/// Rows of `qkv` are [q heads | k heads | v heads], each head `headDim` wide. Scores are made for a block of queries at a
/// time and never kept: the backward makes them again.
struct Attention {
    let heads: Int
    let keyValueHeads: Int
    let headDim: Int
    /// Positions a query sees, itself included; nil: all before it.
    let window: Int?

    var group: Int { heads / keyValueHeads }
    /// Floats in a row of `qkv`.
    var width: Int { (heads + 2 * keyValueHeads) * headDim }
    var scale: Float { 1 / Float(headDim).squareRoot() }
    private static let queryBlock = 48

    init(_ config: ModelConfig, layer: Int) {
        heads = config.headCount
        keyValueHeads = config.keyValueHeadCount
        headDim = config.headDim
        window = config.slidingWindows[layer]
    }

    /// context [rows × heads·headDim] = softmax(q·kᵀ / √headDim) · v.
    func forward(
        _ pool: ThreadPool, batch: PackedBatch, qkv: UnsafePointer<Float>, context: UnsafeMutablePointer<Float>
    ) {
        let out = heads * headDim
        pool.run(batch.spans.count * keyValueHeads) { unit in
            let span = batch.spans[unit / keyValueHeads]
            let kv = unit % keyValueHeads
            let keys = Keys(self, span: span, head: kv, qkv: qkv)
            let scratch = AlignedBuffer(floats: Self.queryBlock * keys.padded, zeroed: false)
            for head in kv * group..<(kv + 1) * group {
                forEachQueryBlock(span) { block in
                    let row = span.rows.lowerBound + block.rows.lowerBound
                    probabilities(scratch.p, block, of: qkv + row * width + head * headDim, keys: keys)
                    rowsByValues(
                        context + row * out + head * headDim, stride: out, block, factors: scratch.p, values: keys.v)
                }
            }
        }
    }

    /// dqkv [rows × width], written whole, from dcontext [rows × heads·headDim]. Plain sequences only.
    func backward(
        _ pool: ThreadPool, batch: PackedBatch, qkv: UnsafePointer<Float>, dcontext: UnsafePointer<Float>,
        dqkv: UnsafeMutablePointer<Float>
    ) {
        let out = heads * headDim
        pool.run(batch.spans.count * keyValueHeads) { unit in
            let span = batch.spans[unit / keyValueHeads]
            precondition(span.prefix.isEmpty, "sequences with a prefix have no backward")
            let kv = unit % keyValueHeads
            let keys = Keys(self, span: span, head: kv, qkv: qkv, transposesValues: true)
            let first = dqkv + span.rows.lowerBound * width
            let dk = first + (heads + kv) * headDim
            let dv = first + (heads + keyValueHeads + kv) * headDim
            for row in 0..<span.rows.count {
                (dk + row * width).update(repeating: 0, count: headDim)
                (dv + row * width).update(repeating: 0, count: headDim)
            }
            let scratch = AlignedBuffer(floats: 2 * Self.queryBlock * keys.padded, zeroed: false)
            let p = scratch.p
            for head in kv * group..<(kv + 1) * group {
                forEachQueryBlock(span) { block in
                    let dp = p + Self.queryBlock * block.padded
                    let row = span.rows.lowerBound + block.rows.lowerBound
                    let q = qkv + row * width + head * headDim
                    let d = dcontext + row * out + head * headDim
                    probabilities(p, block, of: q, keys: keys)
                    addRowsTransposed(dv, block, factors: p, rows: d, stride: out)
                    rowsByKeys(dp, block, rows: d, stride: out, transposed: keys.vTransposed)
                    softmaxBackward(dp, block, p)
                    rowsByValues(
                        first + block.rows.lowerBound * width + head * headDim, stride: width, block, factors: dp,
                        values: keys.k)
                    addRowsTransposed(dk, block, factors: dp, rows: q, stride: width)
                }
            }
        }
    }

    /// One query per slot against its cached keys and values: `q` [heads·headDim], `k` and `v` [count × stride].
    func decode(
        q: UnsafePointer<Float>, k: UnsafePointer<Float>, v: UnsafePointer<Float>, stride: Int, count: Int,
        head kv: Int,
        context: UnsafeMutablePointer<Float>, scratch s: UnsafeMutablePointer<Float>
    ) {
        let first = window.map { max(0, count - $0) } ?? 0
        let seen = count - first
        fl_scores(s, seen, q + kv * group * headDim, headDim, k + first * stride, stride, group, seen, headDim)
        for i in 0..<group { fl_softmax(s + i * seen, scale, seen) }
        fl_product(
            context + kv * group * headDim, headDim, s, seen, 1, v + first * stride, stride, 16, group, headDim, seen,
            headDim, seen, 0)
    }
}

/// Queries in blocks, and their products with the keys and values that they see.
extension Attention {
    /// Some rows of a span and the key positions that any of them sees.
    private struct QueryBlock {
        let rows: Range<Int>
        /// Begins at a multiple of sixteen, as the keys lie in groups of that many.
        let seen: Range<Int>
        /// The position of the first row.
        let position: Int

        /// Floats in a row of scores: whole groups.
        var padded: Int { (seen.count + 15) / 16 * 16 }
        /// Keys that the first row sees; every row sees one more.
        var seenByFirst: Int { position + 1 - seen.lowerBound }
    }

    private func forEachQueryBlock(_ span: PackedBatch.Span, _ body: (QueryBlock) -> Void) {
        for row in stride(from: 0, to: span.rows.count, by: Self.queryBlock) {
            let rows = row..<min(span.rows.count, row + Self.queryBlock)
            let first = window.map { max(0, span.prefix.count + rows.lowerBound - $0 + 1) / 16 * 16 } ?? 0
            body(
                QueryBlock(
                    rows: rows, seen: first..<span.prefix.count + rows.upperBound,
                    position: span.prefix.count + rows.lowerBound))
        }
    }

    /// The keys of row i of a block, from the block's first on.
    private func range(_ block: QueryBlock, row i: Int) -> Range<Int> {
        let high = block.seenByFirst + i
        return max(0, window.map { high - $0 } ?? 0)..<high
    }

    /// p [block × padded]: softmax of a head's scores, zero where a row does not see.
    private func probabilities(
        _ p: UnsafeMutablePointer<Float>, _ block: QueryBlock, of q: UnsafePointer<Float>, keys: Keys
    ) {
        rowsByKeys(p, block, rows: q, stride: width, transposed: keys.kTransposed)
        for i in 0..<block.rows.count {
            let row = p + i * block.padded
            let seen = range(block, row: i)
            row.update(repeating: 0, count: seen.lowerBound)
            fl_softmax(row + seen.lowerBound, scale, seen.count)
            (row + seen.upperBound).update(repeating: 0, count: block.padded - seen.upperBound)
        }
    }

    /// dp becomes the gradient at the scores.
    private func softmaxBackward(_ dp: UnsafeMutablePointer<Float>, _ block: QueryBlock, _ p: UnsafePointer<Float>) {
        for i in 0..<block.rows.count {
            let row = dp + i * block.padded
            let seen = range(block, row: i)
            row.update(repeating: 0, count: seen.lowerBound)
            fl_softmax_backward(row + seen.lowerBound, p + i * block.padded + seen.lowerBound, scale, seen.count)
            (row + seen.upperBound).update(repeating: 0, count: block.padded - seen.upperBound)
        }
    }

    /// s [block × padded] = rows · keysᵀ, as far as a row sees. `transposed`: in groups of sixteen keys.
    private func rowsByKeys(
        _ s: UnsafeMutablePointer<Float>, _ block: QueryBlock, rows: UnsafePointer<Float>, stride: Int,
        transposed: UnsafePointer<Float>
    ) {
        fl_product(
            s, block.padded, rows, stride, 1, transposed + block.seen.lowerBound * headDim, 16, 16 * headDim,
            block.rows.count, block.padded, headDim, block.seenByFirst, headDim, 0)
    }

    /// y [block rows × stride] = factors [block × padded] · values [seen × headDim], as far as a row sees.
    private func rowsByValues(
        _ y: UnsafeMutablePointer<Float>, stride: Int, _ block: QueryBlock, factors: UnsafePointer<Float>,
        values: UnsafePointer<Float>
    ) {
        fl_product(
            y, stride, factors, block.padded, 1, values + block.seen.lowerBound * headDim, headDim, 16,
            block.rows.count, headDim, block.seen.count, headDim, block.seenByFirst, 0)
    }

    /// y [keys × width] += factorsᵀ [padded × block] · rows [block × stride].
    private func addRowsTransposed(
        _ y: UnsafeMutablePointer<Float>, _ block: QueryBlock, factors: UnsafePointer<Float>,
        rows: UnsafePointer<Float>, stride: Int
    ) {
        fl_product(
            y + block.seen.lowerBound * width, width, factors, 1, block.padded, rows, stride, 16, block.seen.count,
            headDim, block.rows.count, headDim, block.rows.count, 1)
    }

    /// Keys and values that one sequence sees at one head, row after row, and transposed in groups of sixteen.
    private struct Keys {
        let k: UnsafeMutablePointer<Float>
        let v: UnsafeMutablePointer<Float>
        let kTransposed: UnsafeMutablePointer<Float>
        /// Only where asked for.
        let vTransposed: UnsafeMutablePointer<Float>
        /// Their number, up to a whole group.
        let padded: Int
        private let storage: AlignedBuffer

        init(
            _ attention: Attention, span: PackedBatch.Span, head: Int, qkv: UnsafePointer<Float>,
            transposesValues: Bool = false
        ) {
            let (width, dim) = (attention.width, attention.headDim)
            let count = span.prefix.count + span.rows.count
            padded = (count + 15) / 16 * 16
            storage = AlignedBuffer(floats: (transposesValues ? 4 : 3) * padded * dim, zeroed: false)
            k = storage.p
            v = k + padded * dim
            kTransposed = v + padded * dim
            vTransposed = kTransposed + padded * dim
            let kOffset = (attention.heads + head) * dim
            let vOffset = (attention.heads + attention.keyValueHeads + head) * dim
            for i in 0..<count {
                let before = span.prefix.count
                let row = qkv + (i < before ? span.prefix.lowerBound + i : span.rows.lowerBound + i - before) * width
                (k + i * dim).update(from: row + kOffset, count: dim)
                (v + i * dim).update(from: row + vOffset, count: dim)
            }
            fl_pack_transposed(kTransposed, k, count, dim, dim)
            if transposesValues { fl_pack_transposed(vTransposed, v, count, dim, dim) }
        }
    }
}
