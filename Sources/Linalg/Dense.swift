import CKernels
import COpenBLAS

/// f64 matrices, row-major, on the calling thread: what subspaces are made of.
///
/// Every call is one BLAS or LAPACK call over the whole matrix, so its bits depend on the values and the shape alone.
public enum Dense {
    /// c [m × n] = alpha · op(a) · op(b) + beta · c; `ld`: distance between rows.
    public static func product(
        _ c: UnsafeMutablePointer<Double>, ldc: Int, _ a: UnsafePointer<Double>, lda: Int, transposeA: Bool = false,
        _ b: UnsafePointer<Double>, ldb: Int, transposeB: Bool = false, m: Int, n: Int, k: Int, alpha: Double = 1,
        beta: Double = 0
    ) {
        guard m > 0, n > 0 else { return }
        cblas_dgemm(
            CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans, blasint(m),
            blasint(n), blasint(k), alpha, a, blasint(max(1, lda)), b, blasint(max(1, ldb)), beta, c,
            blasint(max(1, ldc)))
    }

    /// a · b, or with either transposed.
    public static func product(
        _ a: DenseMatrix, transposeA: Bool = false, _ b: DenseMatrix, transposeB: Bool = false
    ) -> DenseMatrix {
        let (m, k) = transposeA ? (a.columns, a.rows) : (a.rows, a.columns)
        let (inner, n) = transposeB ? (b.columns, b.rows) : (b.rows, b.columns)
        precondition(k == inner, "a product over \(k) and \(inner)")
        let c = DenseMatrix(rows: m, columns: n)
        product(
            c.pointer, ldc: n, a.pointer, lda: a.columns, transposeA: transposeA, b.pointer, ldb: b.columns,
            transposeB: transposeB, m: m, n: n, k: k)
        return c
    }

    /// c [d × d] += xᵀ · x over `rows` rows, in tiles of the upper triangle; what lies below is left alone.
    /// - Parameter x: [rows × d].
    public static func addSecondMoment(
        _ pool: ThreadPool, _ c: UnsafeMutablePointer<Double>, dimension d: Int, _ x: UnsafePointer<Double>, rows: Int
    ) {
        guard rows > 0 else { return }
        let tile = 192
        let across = (d + tile - 1) / tile
        var tiles: [(i: Int, j: Int)] = []
        for i in 0..<across { for j in i..<across { tiles.append((i * tile, j * tile)) } }
        pool.run(tiles.count) { number in
            let (i, j) = tiles[number]
            product(
                c + i * d + j, ldc: d, x + i, lda: d, transposeA: true, x + j, ldb: d, m: min(tile, d - i),
                n: min(tile, d - j), k: rows, beta: 1)
        }
    }

    /// Eigenvalues of the symmetric matrix `a` [n × n], ascending; its rows become the eigenvectors (`dsyevd`).
    /// - Throws: `LinalgError` where the iteration does not converge.
    public static func eigen(_ a: DenseMatrix) throws(LinalgError) -> [Double] {
        precondition(a.rows == a.columns, "eigenvectors of [\(a.rows) × \(a.columns)]")
        let n = a.rows
        guard n > 0 else { return [] }
        var values = [Double](repeating: 0, count: n)
        // Symmetric, so that LAPACK's columns are our rows and nothing is transposed.
        let status = LAPACKE_dsyevd(
            LAPACK_COL_MAJOR, CChar(UInt8(ascii: "V")), CChar(UInt8(ascii: "L")), Int32(n), a.pointer,
            Int32(n), &values)
        guard status == 0 else { throw LinalgError("dsyevd", Int(status), "[\(n) × \(n)]") }
        return values
    }

    /// A root of the positive semidefinite matrix `a` [n × n]: rᵀ · r = a, r [rank × n], by Cholesky with complete
    /// pivoting (`dpstrf`), which ends where what is left is below n · ε of the largest diagonal entry. Overwrites `a`.
    /// - Throws: `LinalgError` where LAPACK refuses the matrix.
    public static func root(_ a: DenseMatrix) throws(LinalgError) -> DenseMatrix {
        precondition(a.rows == a.columns, "a root of [\(a.rows) × \(a.columns)]")
        let n = a.rows
        guard n > 0, (0..<n).contains(where: { a.pointer[$0 * n + $0] > 0 }) else {
            return DenseMatrix(rows: 0, columns: n)
        }
        var pivots = [Int32](repeating: 0, count: n)
        var rank: Int32 = 0
        let status = LAPACKE_dpstrf(
            LAPACK_COL_MAJOR, CChar(UInt8(ascii: "L")), Int32(n), a.pointer, Int32(n), &pivots, &rank, -1)
        // 1: of lower rank, which is what it is for.
        guard status == 0 || status == 1 else { throw LinalgError("dpstrf", Int(status), "[\(n) × \(n)]") }
        let root = DenseMatrix(rows: Int(rank), columns: n)
        for j in 0..<Int(rank) {
            for i in j..<n { root.pointer[j * n + Int(pivots[i]) - 1] = a.pointer[j * n + i] }
        }
        return root
    }

    /// Orthonormal rows [n − r × n] that complete the orthonormal rows of `a` [r × n] to a basis (Householder QR).
    /// - Throws: `LinalgError` where LAPACK refuses the matrix.
    public static func completion(_ a: DenseMatrix) throws(LinalgError) -> DenseMatrix {
        let (r, n) = (a.rows, a.columns)
        precondition(r <= n, "\(r) orthonormal rows of \(n)")
        guard r > 0 else { return .identity(n) }
        let whole = DenseMatrix(rows: n, columns: n)
        whole.pointer.update(from: a.pointer, count: r * n)
        var factors = [Double](repeating: 0, count: r)
        var status = LAPACKE_dgeqrf(
            LAPACK_COL_MAJOR, Int32(n), Int32(r), whole.pointer, Int32(n), &factors)
        guard status == 0 else { throw LinalgError("dgeqrf", Int(status), "[\(r) × \(n)]") }
        status = LAPACKE_dorgqr(
            LAPACK_COL_MAJOR, Int32(n), Int32(n), Int32(r), whole.pointer, Int32(n), factors)
        guard status == 0 else { throw LinalgError("dorgqr", Int(status), "[\(n) × \(n)]") }
        return DenseMatrix(rows: n - r, columns: n, copying: whole.pointer + r * n)
    }

    /// Makes the rows of `a` [r × n], r ≤ n, orthonormal, each inside the span of itself and those before it
    /// (Householder QR). A row keeps its direction.
    /// - Throws: `LinalgError` where LAPACK refuses the matrix.
    public static func orthonormalise(_ a: DenseMatrix) throws(LinalgError) {
        let (r, n) = (a.rows, a.columns)
        precondition(r <= n, "\(r) orthonormal rows of \(n)")
        guard r > 0 else { return }
        var factors = [Double](repeating: 0, count: r)
        // Column-major [n × r] is row-major [r × n].
        var status = LAPACKE_dgeqrf(
            LAPACK_COL_MAJOR, Int32(n), Int32(r), a.pointer, Int32(n), &factors)
        guard status == 0 else { throw LinalgError("dgeqrf", Int(status), "[\(r) × \(n)]") }
        let flipped = (0..<r).map { a.pointer[$0 * n + $0] < 0 }
        status = LAPACKE_dorgqr(
            LAPACK_COL_MAJOR, Int32(n), Int32(r), Int32(r), a.pointer, Int32(n), factors)
        guard status == 0 else { throw LinalgError("dorgqr", Int(status), "[\(r) × \(n)]") }
        for row in 0..<r where flipped[row] { for i in 0..<n { a.pointer[row * n + i].negate() } }
    }
}

/// A LAPACK routine that failed on finite input.
public struct LinalgError: Error, CustomStringConvertible {
    public let description: String
    init(_ routine: String, _ status: Int, _ shape: String) {
        description = "\(routine) of a matrix \(shape) failed with status \(status)"
    }
}
