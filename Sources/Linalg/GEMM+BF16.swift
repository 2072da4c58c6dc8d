import CKernels
import COneDNN
package import Tensors

/// Products of BF16 values with f32 sums and f32 results.
extension GEMM {
    /// y [rows × outputs] = x · wᵀ, x [rows × inputs] rounded to BF16 (to nearest, ties to even), w [outputs × inputs] in
    /// BF16. Below the kernel level that multiplies BF16, the same values are multiplied as f32.
    public static func linear(
        _ pool: ThreadPool, y: UnsafeMutablePointer<Float>, ldy: Int, x: UnsafePointer<Float>, ldx: Int,
        bf16 w: UnsafePointer<UInt16>, rows: Int, outputs: Int, inputs: Int
    ) {
        let rounded = roundedRows(pool, x, ldx: ldx, rows: rows, columns: inputs)
        guard OneDNN.multipliesBF16 else {
            return widened(
                pool, y: y, ldy: ldy, x: rounded, w: w, rows: rows, outputs: outputs, inputs: inputs)
        }
        withExtendedLifetime(rounded) {
            blocked(
                pool, y: y, ldy: ldy, x: UnsafeRawPointer(rounded.address), type: FL_ONEDNN_BF16,
                layout: FL_ONEDNN_ROWS,
                rows: rows, outputs: outputs, inputs: inputs
            ) { UnsafeRawPointer(w + $0 * inputs) }
        }
    }

    /// A tile's weights are widened at a time, so that weights take no more than their file's bytes.
    package static func widened(
        _ pool: ThreadPool, y: UnsafeMutablePointer<Float>, ldy: Int, x: AlignedBuffer, w: UnsafePointer<UInt16>,
        rows: Int, outputs: Int, inputs: Int
    ) {
        let wide = AlignedBuffer(floats: rows * inputs, zeroed: false)
        let values = wide.floats.baseAddress!
        pool.run(over: rows, by: 48) {
            fl_bf16_to_f32(
                x.address + $0.lowerBound * inputs * 2, values + $0.lowerBound * inputs, $0.count * inputs)
        }
        pool.run(over: outputs, by: 512) { tile in
            let weights = AlignedBuffer(floats: tile.count * inputs, zeroed: false)
            fl_bf16_to_f32(
                w + tile.lowerBound * inputs, weights.floats.baseAddress!, tile.count * inputs)
            small(
                transposeA: false, transposeB: true, m: rows, n: tile.count, k: inputs, a: values, lda: inputs,
                b: weights.floats.baseAddress!, ldb: inputs, c: y + tile.lowerBound, ldc: ldy)
        }
    }

    /// x [rows × columns] in BF16, dense.
    static func roundedRows(
        _ pool: ThreadPool, _ x: UnsafePointer<Float>, ldx: Int, rows: Int, columns: Int
    ) -> AlignedBuffer {
        let rounded = AlignedBuffer(byteCount: rows * columns * 2, zeroed: false)
        pool.run(over: rows, by: 48) { tile in
            for r in tile { fl_f32_to_bf16(x + r * ldx, rounded.address + r * columns * 2, columns) }
        }
        return rounded
    }

    /// Calls `body` with x [rows × columns] as dense rows; they are copied only where they are not.
    static func withDenseRows(
        _ pool: ThreadPool, _ x: UnsafePointer<Float>, ldx: Int, rows: Int, columns: Int,
        _ body: (UnsafePointer<Float>) -> Void
    ) {
        guard ldx != columns, rows > 1 else { return body(x) }
        let copy = AlignedBuffer(floats: rows * columns, zeroed: false)
        let dense = copy.floats.baseAddress!
        pool.run(over: rows, by: 48) { tile in
            for r in tile { (dense + r * columns).update(from: x + r * ldx, count: columns) }
        }
        withExtendedLifetime(copy) { body(dense) }
    }
}
