import COneDNN
import Tensors

/// oneDNN's products against plain loops, on shapes with tails, one row, and rows that stand apart.
enum OneDNNCheck {
    /// What is wrong at the level; `nil` where nothing is. A few milliseconds.
    static func failure(level: Int) -> String? {
        for (rows, outputs, inputs) in [(1, 1, 1), (1, 70, 33), (5, 64, 577), (67, 130, 37), (3, 9, 1031)] {
            let shape = "[\(rows) × \(inputs)] · [\(inputs) × \(outputs)]"
            for layout in [FL_ONEDNN_ROWS, FL_ONEDNN_PANELS] {
                let kind = layout == FL_ONEDNN_PANELS ? "products of packed weights" : "products"
                if !isRight(FL_ONEDNN_F32, layout, rows, outputs, inputs, tolerance: 0) {
                    return "f32 \(kind) \(shape)"
                }
                // AMX sums BF16 in an order of its own.
                let tolerance: Float = level >= 5 ? 2e-6 * Float(inputs) : 0
                if level >= 4, !isRight(FL_ONEDNN_BF16, layout, rows, outputs, inputs, tolerance: tolerance) {
                    return "BF16 \(kind) \(shape)"
                }
            }
            if !transposedIsClose(rows, outputs, inputs) { return "transposed f32 products \(shape)" }
        }
        return nil
    }

    /// Values that BF16 holds exactly, between −1 and 1.
    private static func values(_ count: Int, _ seed: Int) -> [Float] {
        (0..<count).map {
            Float(bitPattern: (Float(($0 * 7919 + seed * 104_729) % 2003) / 1001 - 1).bitPattern & ~0xFFFF)
        }
    }

    /// - Parameter tolerance: 0: every bit has to be that of `BlockedSum`.
    private static func isRight(
        _ type: Int32, _ layout: Int32, _ rows: Int, _ outputs: Int, _ inputs: Int, tolerance: Float
    ) -> Bool {
        let (x, w) = (values(rows * inputs, 1), values(outputs * inputs, 2))
        let ldy = outputs + 3
        var y = [Float](repeating: 7, count: rows * ldy)
        let isBF16 = type == FL_ONEDNN_BF16
        let status =
            isBF16
            ? product(
                type, layout, &y, ldy, x.map { UInt16($0.bitPattern >> 16) },
                w.map { UInt16($0.bitPattern >> 16) }, rows: rows, inputs: inputs)
            : product(type, layout, &y, ldy, x, w, rows: rows, inputs: inputs)
        guard status == 0 else { return false }
        for r in 0..<rows {
            for o in 0..<outputs {
                let sum = BlockedSum.of(x, r * inputs, w, o * inputs, count: inputs, inPairs: isBF16)
                let value = y[r * ldy + o]
                guard value.bitPattern == sum.bitPattern || abs(value - sum) < tolerance else { return false }
            }
            guard y[r * ldy + outputs..<(r + 1) * ldy].allSatisfy({ $0 == 7 }) else { return false }
        }
        return true
    }

    /// - Returns: 0, or oneDNN's status.
    private static func product<T: BitwiseCopyable>(
        _ type: Int32, _ layout: Int32, _ y: inout [Float], _ ldy: Int, _ x: [T], _ w: [T], rows: Int, inputs: Int
    ) -> Int32 {
        let outputs = w.count / inputs
        let panels = (outputs + PackedWeights.panelRows - 1) / PackedWeights.panelRows
        let packed = AlignedBuffer(byteCount: panels * fl_onednn_panel_bytes(type, inputs))
        return x.withUnsafeBytes { x in
            w.withUnsafeBytes { w in
                if layout == FL_ONEDNN_PANELS {
                    let status = fl_onednn_pack(type, packed.address, w.baseAddress, outputs, inputs)
                    guard status == 0 else { return status }
                }
                let weights = layout == FL_ONEDNN_PANELS ? UnsafeRawPointer(packed.address) : w.baseAddress
                return fl_onednn_linear(type, layout, &y, ldy, x.baseAddress, weights, rows, outputs, inputs)
            }
        }
    }

    /// aᵀ · b and a · b, added to what is there.
    private static func transposedIsClose(_ m: Int, _ n: Int, _ k: Int) -> Bool {
        for transposed in [false, true] {
            let (lda, ldb, ldc) = ((transposed ? m : k) + 1, n + 2, n + 5)
            let a = values((transposed ? k : m) * lda, 3)
            let b = values(k * ldb, 4)
            var c = [Float](repeating: 1, count: m * ldc)
            guard fl_onednn_sgemm(transposed ? 1 : 0, 0, m, n, k, a, lda, b, ldb, 1, &c, ldc) == 0 else { return false }
            for i in 0..<m {
                for j in 0..<n {
                    var sum = 1.0
                    for t in 0..<k { sum += Double(a[transposed ? t * lda + i : i * lda + t]) * Double(b[t * ldb + j]) }
                    guard abs(Double(c[i * ldc + j]) - sum) <= 1e-6 * Double(k + 1) else { return false }
                }
                guard c[i * ldc + n..<(i + 1) * ldc].allSatisfy({ $0 == 1 }) else { return false }
            }
        }
        return true
    }
}

/// The sum that a value of `GEMM.linear` is by oneDNN: blocks of inputs, each summed in order with fused products, and
/// then the blocks in order.
package enum BlockedSum {
    /// Σ x[i] · w[i] over `count` values of each, from `xFirst` and `wFirst` on.
    /// - Parameter inPairs: as BF16 instructions do it: the odd value of a pair first.
    package static func of(
        _ x: [Float], _ xFirst: Int, _ w: [Float], _ wFirst: Int, count: Int, inPairs: Bool
    ) -> Float {
        let size = fl_onednn_block(count)
        var total: Float = 0
        for first in stride(from: 0, to: count, by: max(1, size)) {
            var block: Float = 0
            let end = min(count, first + size)
            if inPairs {
                for i in stride(from: first, to: end, by: 2) {
                    if i + 1 < end { block.addProduct(x[xFirst + i + 1], w[wFirst + i + 1]) }
                    block.addProduct(x[xFirst + i], w[wFirst + i])
                }
            } else {
                for i in first..<end { block.addProduct(x[xFirst + i], w[wFirst + i]) }
            }
            total = first == 0 ? block : total + block
        }
        return total
    }
}
