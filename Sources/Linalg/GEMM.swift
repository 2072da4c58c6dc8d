import CKernels
import COneDNN
import COpenBLAS
import Tensors

/// What BLAS this process runs, for the handshake and the manifest.
public enum BLAS {
    /// OpenBLAS's kernel family, e.g. `Zen` or `Haswell`: two of them round differently.
    public static var coreName: String { String(cString: openblas_get_corename()) }

    /// Every call runs on its caller's thread: the pool splits work at tiles of its own.
    public static func useSingleThreads() { openblas_set_num_threads(1) }
}

/// f32 matrix products, cut into tiles that depend on the shape alone. `ProductKernel` says who computes them.
public enum GEMM {
    /// y [rows × outputs] = x [rows × inputs] · wᵀ, w [outputs × inputs]; `ldx`, `ldy`: distance between rows.
    public static func linear(
        _ pool: ThreadPool, y: UnsafeMutablePointer<Float>, ldy: Int, x: UnsafePointer<Float>, ldx: Int,
        w: UnsafePointer<Float>, rows: Int, outputs: Int, inputs: Int
    ) {
        linear(
            by: .linear(rows: rows, oneDNN: OneDNN.isUsed), pool, y: y, ldy: ldy, x: x, ldx: ldx, w: w, rows: rows,
            outputs: outputs, inputs: inputs)
    }

    /// The same by a kernel that the process has.
    package static func linear(
        by kernel: ProductKernel, _ pool: ThreadPool, y: UnsafeMutablePointer<Float>, ldy: Int, x: UnsafePointer<Float>,
        ldx: Int, w: UnsafePointer<Float>, rows: Int, outputs: Int, inputs: Int
    ) {
        switch kernel {
        case .oneDNN:
            withDenseRows(pool, x, ldx: ldx, rows: rows, columns: inputs) { x in
                blocked(
                    pool, y: y, ldy: ldy, x: UnsafeRawPointer(x), type: FL_ONEDNN_F32, layout: FL_ONEDNN_ROWS,
                    rows: rows,
                    outputs: outputs, inputs: inputs
                ) { UnsafeRawPointer(w + $0 * inputs) }
            }
        case .fewRows:
            fewRows(pool, y: y, ldy: ldy, x: x, ldx: ldx, w: w, rows: rows, outputs: outputs, inputs: inputs)
        case .openBLAS:
            pool.run(.openBLAS(rows: rows, columns: outputs)) { r, c in
                cblas_sgemm(
                    CblasRowMajor, CblasNoTrans, CblasTrans, blasint(r.count), blasint(c.count), blasint(inputs), 1,
                    x + r.lowerBound * ldx, blasint(ldx), w + c.lowerBound * inputs, blasint(inputs), 0,
                    y + r.lowerBound * ldy + c.lowerBound, blasint(ldy))
            }
        }
    }

    /// The same product with packed weights, in f32 or BF16 as they are: every value has the bits of the product with
    /// weights that are not packed.
    public static func linear(
        _ pool: ThreadPool, y: UnsafeMutablePointer<Float>, ldy: Int, x: UnsafePointer<Float>, ldx: Int,
        w: PackedWeights, rows: Int
    ) {
        let multiply: (UnsafeRawPointer) -> Void = { x in
            blocked(
                pool, y: y, ldy: ldy, x: x, type: w.type, layout: FL_ONEDNN_PANELS, rows: rows, outputs: w.outputs,
                inputs: w.inputs
            ) { UnsafeRawPointer(w.panel(of: $0)) }
        }
        if w.type == FL_ONEDNN_BF16 {
            let rounded = roundedRows(pool, x, ldx: ldx, rows: rows, columns: w.inputs)
            withExtendedLifetime(rounded) { multiply(UnsafeRawPointer(rounded.address)) }
        } else {
            withDenseRows(pool, x, ldx: ldx, rows: rows, columns: w.inputs) { multiply(UnsafeRawPointer($0)) }
        }
    }

    /// y = x · wᵀ by oneDNN's blocked kernels.
    /// - Parameters:
    ///   - x: dense [rows × inputs] of `type`.
    ///   - weights: where the weights of an output, the first of a tile, and those behind it begin.
    static func blocked(
        _ pool: ThreadPool, y: UnsafeMutablePointer<Float>, ldy: Int, x: UnsafeRawPointer, type: Int32, layout: Int32,
        rows: Int, outputs: Int, inputs: Int, weights: (_ output: Int) -> UnsafeRawPointer
    ) {
        let rowBytes = inputs * (type == FL_ONEDNN_BF16 ? 2 : 4)
        pool.run(.blocked(rows: rows, outputs: outputs)) { r, c in
            OneDNN.expect(
                fl_onednn_linear(
                    type, layout, y + r.lowerBound * ldy + c.lowerBound, ldy, x + r.lowerBound * rowBytes,
                    weights(c.lowerBound), r.count, c.count, inputs),
                "a product [\(rows) × \(inputs)] · [\(inputs) × \(outputs)]")
        }
    }

    /// y = x · wᵀ by our own kernel; every value is a sum over the inputs in order.
    private static func fewRows(
        _ pool: ThreadPool, y: UnsafeMutablePointer<Float>, ldy: Int, x: UnsafePointer<Float>, ldx: Int,
        w: UnsafePointer<Float>, rows: Int, outputs: Int, inputs: Int
    ) {
        let panels = (rows + Int(FL_SMALL_COLUMNS) - 1) / Int(FL_SMALL_COLUMNS)
        let packed = AlignedBuffer(floats: panels * Int(FL_SMALL_COLUMNS) * inputs, zeroed: false)
        let px = packed.floats.baseAddress!
        fl_pack_transposed(px, x, rows, inputs, ldx)
        pool.run(over: outputs, by: 2 * Int(FL_SMALL_BLOCK)) {
            fl_small_linear(y, ldy, px, w, rows, inputs, $0.lowerBound, $0.upperBound)
        }
    }

    /// dx [rows × inputs] = dy [rows × outputs] · w [outputs × inputs].
    public static func inputGradient(
        _ pool: ThreadPool, dx: UnsafeMutablePointer<Float>, lddx: Int, dy: UnsafePointer<Float>, lddy: Int,
        w: UnsafePointer<Float>, rows: Int, outputs: Int, inputs: Int, accumulate: Bool = false
    ) {
        inputGradient(
            by: .gradient(oneDNN: OneDNN.isUsed), pool, dx: dx, lddx: lddx, dy: dy, lddy: lddy, w: w, rows: rows,
            outputs: outputs, inputs: inputs, accumulate: accumulate)
    }

    /// The same by a kernel that the process has.
    package static func inputGradient(
        by kernel: ProductKernel, _ pool: ThreadPool, dx: UnsafeMutablePointer<Float>, lddx: Int,
        dy: UnsafePointer<Float>, lddy: Int, w: UnsafePointer<Float>, rows: Int, outputs: Int, inputs: Int,
        accumulate: Bool
    ) {
        pool.run(.inputGradient(rows: rows, inputs: inputs, kernel)) { r, c in
            tile(
                kernel, transposeA: false, m: r.count, n: c.count, k: outputs, a: dy + r.lowerBound * lddy, lda: lddy,
                b: w + c.lowerBound, ldb: inputs, beta: accumulate ? 1 : 0, c: dx + r.lowerBound * lddx + c.lowerBound,
                ldc: lddx)
        }
    }

    /// dw [outputs × inputs] += dyᵀ · x over `rows` rows.
    public static func weightGradient(
        _ pool: ThreadPool, dw: UnsafeMutablePointer<Float>, dy: UnsafePointer<Float>, lddy: Int,
        x: UnsafePointer<Float>, ldx: Int, rows: Int, outputs: Int, inputs: Int
    ) {
        weightGradient(
            by: .gradient(oneDNN: OneDNN.isUsed), pool, dw: dw, dy: dy, lddy: lddy, x: x, ldx: ldx, rows: rows,
            outputs: outputs, inputs: inputs)
    }

    /// The same by a kernel that the process has.
    package static func weightGradient(
        by kernel: ProductKernel, _ pool: ThreadPool, dw: UnsafeMutablePointer<Float>, dy: UnsafePointer<Float>,
        lddy: Int, x: UnsafePointer<Float>, ldx: Int, rows: Int, outputs: Int, inputs: Int
    ) {
        guard rows > 0 else { return }
        pool.run(.weightGradient(outputs: outputs, inputs: inputs, kernel)) { r, c in
            tile(
                kernel, transposeA: true, m: r.count, n: c.count, k: rows, a: dy + r.lowerBound, lda: lddy,
                b: x + c.lowerBound,
                ldb: ldx, beta: 1, c: dw + r.lowerBound * inputs + c.lowerBound, ldc: inputs)
        }
    }

    /// c [m × n] = op(a) · b + beta · c on the calling thread: a tile of a gradient.
    private static func tile(
        _ kernel: ProductKernel, transposeA: Bool, m: Int, n: Int, k: Int, a: UnsafePointer<Float>, lda: Int,
        b: UnsafePointer<Float>, ldb: Int,
        beta: Float, c: UnsafeMutablePointer<Float>, ldc: Int
    ) {
        switch kernel {
        case .oneDNN:
            OneDNN.expect(
                fl_onednn_sgemm(transposeA ? 1 : 0, 0, m, n, k, a, lda, b, ldb, beta, c, ldc),
                "a gradient [\(m) × \(k)] · [\(k) × \(n)]")
        case .fewRows, .openBLAS:
            cblas_sgemm(
                CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, CblasNoTrans, blasint(m), blasint(n), blasint(k),
                1, a, blasint(lda), b, blasint(ldb), beta, c, blasint(ldc))
        }
    }

    /// c [m × n] = alpha · op(a) · op(b) + beta · c by OpenBLAS, on the calling thread.
    static func small(
        transposeA: Bool, transposeB: Bool, m: Int, n: Int, k: Int, alpha: Float = 1, a: UnsafePointer<Float>, lda: Int,
        b: UnsafePointer<Float>, ldb: Int, beta: Float = 0, c: UnsafeMutablePointer<Float>, ldc: Int
    ) {
        cblas_sgemm(
            CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans, blasint(m),
            blasint(n), blasint(k), alpha, a, blasint(lda), b, blasint(ldb), beta, c, blasint(ldc))
    }
}
