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
    private static let queryBlock = 96

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
            let scratch = AlignedBuffer(floats: Self.queryBlock * keys.count, zeroed: false)
            let s = scratch.floats.baseAddress!
            for head in kv * group..<(kv + 1) * group {
                forEachQueryBlock(span) { block, seen in
                    let q = qkv + (span.rows.lowerBound + block.lowerBound) * width + head * headDim
                    GEMM.small(
                        transposeA: false, transposeB: true, m: block.count, n: seen.count, k: headDim, a: q,
                        lda: width,
                        b: keys.k + seen.lowerBound * keys.stride, ldb: keys.stride, c: s, ldc: seen.count)
                    softmax(s, block: block, seen: seen, offset: span.prefix.count)
                    GEMM.small(
                        transposeA: false, transposeB: false, m: block.count, n: headDim, k: seen.count, a: s,
                        lda: seen.count, b: keys.v + seen.lowerBound * keys.stride, ldb: keys.stride,
                        c: context + (span.rows.lowerBound + block.lowerBound) * out + head * headDim, ldc: out)
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
            let keys = Keys(self, span: span, head: kv, qkv: qkv)
            let first = dqkv + span.rows.lowerBound * width
            let dk = first + (heads + kv) * headDim
            let dv = first + (heads + keyValueHeads + kv) * headDim
            for row in 0..<span.rows.count {
                (dk + row * width).update(repeating: 0, count: headDim)
                (dv + row * width).update(repeating: 0, count: headDim)
            }
            let scratch = AlignedBuffer(floats: 2 * Self.queryBlock * keys.count, zeroed: false)
            let p = scratch.floats.baseAddress!
            for head in kv * group..<(kv + 1) * group {
                forEachQueryBlock(span) { block, seen in
                    let dp = p + Self.queryBlock * seen.count
                    let row = span.rows.lowerBound + block.lowerBound
                    let q = qkv + row * width + head * headDim
                    let d = dcontext + row * out + head * headDim
                    let k = keys.k + seen.lowerBound * keys.stride
                    let v = keys.v + seen.lowerBound * keys.stride
                    GEMM.small(
                        transposeA: false, transposeB: true, m: block.count, n: seen.count, k: headDim, a: q,
                        lda: width,
                        b: k, ldb: keys.stride, c: p, ldc: seen.count)
                    softmax(p, block: block, seen: seen, offset: 0)
                    GEMM.small(
                        transposeA: true, transposeB: false, m: seen.count, n: headDim, k: block.count, a: p,
                        lda: seen.count, b: d, ldb: out, beta: 1, c: dv + seen.lowerBound * width, ldc: width)
                    GEMM.small(
                        transposeA: false, transposeB: true, m: block.count, n: seen.count, k: headDim, a: d, lda: out,
                        b: v, ldb: keys.stride, c: dp, ldc: seen.count)
                    for i in 0..<block.count {
                        fl_softmax_backward(dp + i * seen.count, p + i * seen.count, scale, seen.count)
                    }
                    GEMM.small(
                        transposeA: false, transposeB: false, m: block.count, n: headDim, k: seen.count, a: dp,
                        lda: seen.count, b: k, ldb: keys.stride, c: first + block.lowerBound * width + head * headDim,
                        ldc: width)
                    GEMM.small(
                        transposeA: true, transposeB: false, m: seen.count, n: headDim, k: block.count, a: dp,
                        lda: seen.count, b: q, ldb: width, beta: 1, c: dk + seen.lowerBound * width, ldc: width)
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
        GEMM.small(
            transposeA: false, transposeB: true, m: group, n: seen, k: headDim, a: q + kv * group * headDim,
            lda: headDim,
            b: k + first * stride, ldb: stride, c: s, ldc: seen)
        for i in 0..<group { fl_softmax(s + i * seen, scale, seen) }
        GEMM.small(
            transposeA: false, transposeB: false, m: group, n: headDim, k: seen, a: s, lda: seen, b: v + first * stride,
            ldb: stride, c: context + kv * group * headDim, ldc: headDim)
    }

    /// Query rows of the span in blocks, each with the range of key positions any of them sees.
    private func forEachQueryBlock(_ span: PackedBatch.Span, _ body: (_ block: Range<Int>, _ seen: Range<Int>) -> Void)
    {
        var row = 0
        while row < span.rows.count {
            let block = row..<min(span.rows.count, row + Self.queryBlock)
            let last = span.prefix.count + block.upperBound
            let first = window.map { max(0, span.prefix.count + block.lowerBound - $0 + 1) } ?? 0
            body(block, first..<last)
            row = block.upperBound
        }
    }

    private func softmax(_ s: UnsafeMutablePointer<Float>, block: Range<Int>, seen: Range<Int>, offset: Int) {
        for i in 0..<block.count {
            let row = s + i * seen.count
            let position = offset + block.lowerBound + i
            let low = max(seen.lowerBound, window.map { position - $0 + 1 } ?? 0) - seen.lowerBound
            let high = position + 1 - seen.lowerBound
            row.update(repeating: 0, count: low)
            fl_softmax(row + low, scale, high - low)
            (row + high).update(repeating: 0, count: seen.count - high)
        }
    }

    /// Keys and values one sequence sees at one head: in place, or gathered where a prefix lies elsewhere.
    private struct Keys {
        let k: UnsafePointer<Float>
        let v: UnsafePointer<Float>
        let stride: Int
        let count: Int
        private let storage: AlignedBuffer?

        init(_ attention: Attention, span: PackedBatch.Span, head: Int, qkv: UnsafePointer<Float>) {
            let width = attention.width
            let dim = attention.headDim
            let kOffset = (attention.heads + head) * dim
            let vOffset = (attention.heads + attention.keyValueHeads + head) * dim
            count = span.prefix.count + span.rows.count
            guard !span.prefix.isEmpty else {
                k = qkv + span.rows.lowerBound * width + kOffset
                v = qkv + span.rows.lowerBound * width + vOffset
                stride = width
                storage = nil
                return
            }
            let buffer = AlignedBuffer(floats: 2 * count * dim, zeroed: false)
            let kOut = buffer.floats.baseAddress!
            let vOut = kOut + count * dim
            for (i, row) in (Array(span.prefix) + Array(span.rows)).enumerated() {
                (kOut + i * dim).update(from: qkv + row * width + kOffset, count: dim)
                (vOut + i * dim).update(from: qkv + row * width + vOffset, count: dim)
            }
            k = UnsafePointer(kOut)
            v = UnsafePointer(vOut)
            stride = dim
            storage = buffer
        }
    }
}
