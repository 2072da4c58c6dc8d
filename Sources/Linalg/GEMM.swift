import CKernels
import COpenBLAS
import Tensors

/// What BLAS this process runs, for the handshake and the manifest.
public enum BLAS {
    /// OpenBLAS's kernel family, e.g. `Zen` or `Haswell`: two of them round differently.
    public static var coreName: String { String(cString: openblas_get_corename()) }

    /// Every call runs on its caller's thread: the pool splits work at tiles of its own.
    public static func useSingleThreads() { openblas_set_num_threads(1) }
}

/// f32 matrix products, cut into tiles that depend on the shape alone; the few rows of a decode step take a kernel of
/// our own.
///
/// OpenBLAS rounds a row by its place in a call, so a tile grid chosen by thread count would change bits. Row tiles are
/// multiples of 12, its kernels' height on every AVX2 core.
public enum GEMM {
    static let rowTile = 384

    static func columnTile(rows: Int) -> Int { rows >= 768 ? 1024 : 512 }

    /// y [rows × outputs] = x [rows × inputs] · wᵀ, w [outputs × inputs]; `ldx`, `ldy`: distance between rows.
    public static func linear(
        _ pool: ThreadPool, y: UnsafeMutablePointer<Float>, ldy: Int, x: UnsafePointer<Float>, ldx: Int,
        w: UnsafePointer<Float>, rows: Int, outputs: Int, inputs: Int
    ) {
        if rows <= smallRows {
            return small(pool, y: y, ldy: ldy, x: x, ldx: ldx, w: w, rows: rows, outputs: outputs, inputs: inputs)
        }
        tiles(pool, rows, outputs, columnTile(rows: rows)) { r, c in
            cblas_sgemm(
                CblasRowMajor, CblasNoTrans, CblasTrans, blasint(r.count), blasint(c.count), blasint(inputs), 1,
                x + r.lowerBound * ldx, blasint(ldx), w + c.lowerBound * inputs, blasint(inputs), 0,
                y + r.lowerBound * ldy + c.lowerBound, blasint(ldy))
        }
    }

    /// Up to here BLAS, which packs all of w at every call, is slower than reading w once: decode steps.
    static let smallRows = 96

    private static func small(
        _ pool: ThreadPool, y: UnsafeMutablePointer<Float>, ldy: Int, x: UnsafePointer<Float>, ldx: Int,
        w: UnsafePointer<Float>, rows: Int, outputs: Int, inputs: Int
    ) {
        let panels = (rows + Int(FL_SMALL_COLUMNS) - 1) / Int(FL_SMALL_COLUMNS)
        let packed = AlignedBuffer(floats: panels * Int(FL_SMALL_COLUMNS) * inputs, zeroed: false)
        let px = packed.floats.baseAddress!
        fl_pack_transposed(px, x, rows, inputs, ldx)
        pool.run(over: outputs, by: 16 * Int(FL_SMALL_ROWS)) {
            fl_small_linear(y, ldy, px, w, rows, inputs, $0.lowerBound, $0.upperBound)
        }
    }

    /// dx [rows × inputs] = dy [rows × outputs] · w [outputs × inputs].
    public static func inputGradient(
        _ pool: ThreadPool, dx: UnsafeMutablePointer<Float>, lddx: Int, dy: UnsafePointer<Float>, lddy: Int,
        w: UnsafePointer<Float>, rows: Int, outputs: Int, inputs: Int, accumulate: Bool = false
    ) {
        tiles(pool, rows, inputs, columnTile(rows: rows)) { r, c in
            cblas_sgemm(
                CblasRowMajor, CblasNoTrans, CblasNoTrans, blasint(r.count), blasint(c.count), blasint(outputs), 1,
                dy + r.lowerBound * lddy, blasint(lddy), w + c.lowerBound, blasint(inputs), accumulate ? 1 : 0,
                dx + r.lowerBound * lddx + c.lowerBound, blasint(lddx))
        }
    }

    /// dw [outputs × inputs] += dyᵀ · x over `rows` rows.
    public static func weightGradient(
        _ pool: ThreadPool, dw: UnsafeMutablePointer<Float>, dy: UnsafePointer<Float>, lddy: Int,
        x: UnsafePointer<Float>, ldx: Int, rows: Int, outputs: Int, inputs: Int
    ) {
        guard rows > 0 else { return }
        tiles(pool, outputs, inputs, 1024) { r, c in
            cblas_sgemm(
                CblasRowMajor, CblasTrans, CblasNoTrans, blasint(r.count), blasint(c.count), blasint(rows), 1,
                dy + r.lowerBound, blasint(lddy), x + c.lowerBound, blasint(ldx), 1,
                dw + r.lowerBound * inputs + c.lowerBound, blasint(inputs))
        }
    }

    /// c [m × n] = alpha · op(a) · op(b) + beta · c, on the calling thread: for the small products inside attention.
    public static func small(
        transposeA: Bool, transposeB: Bool, m: Int, n: Int, k: Int, alpha: Float = 1, a: UnsafePointer<Float>, lda: Int,
        b: UnsafePointer<Float>, ldb: Int, beta: Float = 0, c: UnsafeMutablePointer<Float>, ldc: Int
    ) {
        cblas_sgemm(
            CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans, blasint(m),
            blasint(n), blasint(k), alpha, a, blasint(lda), b, blasint(ldb), beta, c, blasint(ldc))
    }

    private static func tiles(
        _ pool: ThreadPool, _ rows: Int, _ columns: Int, _ columnTile: Int, _ body: (Range<Int>, Range<Int>) -> Void
    ) {
        let across = (columns + columnTile - 1) / columnTile
        let down = (rows + rowTile - 1) / rowTile
        pool.run(across * down) { tile in
            let r = tile / across * rowTile
            let c = tile % across * columnTile
            body(r..<min(rows, r + rowTile), c..<min(columns, c + columnTile))
        }
    }
}
