import CKernels
import Linalg
import Tensors
import Testing

/// f64 matrices against their definitions.
@Suite struct DenseTests {
    init() { BLAS.useSingleThreads() }

    private func matrix(_ rows: Int, _ columns: Int, seed: Int = 1) -> DenseMatrix {
        let result = DenseMatrix(rows: rows, columns: columns)
        // Multiplied and mixed, so that rows are as independent as random ones.
        for i in 0..<rows * columns {
            var bits = UInt64(i + 1) &* 0x9E37_79B9_7F4A_7C15 &+ UInt64(seed)
            bits = (bits ^ bits >> 29) &* 0xBF58_476D_1CE4_E5B9
            result.pointer[i] = Double((bits ^ bits >> 32) & 0xFFFF) / 32768 - 1
        }
        return result
    }

    private func difference(_ a: DenseMatrix, _ b: DenseMatrix) -> Double {
        precondition(a.rows == b.rows && a.columns == b.columns)
        return (0..<a.rows * a.columns).reduce(0) { max($0, abs(a.pointer[$1] - b.pointer[$1])) }
    }

    /// Tiles of the triangle, whatever the threads: the bits of one, the values of the definition.
    @Test(arguments: [5, 192, 193, 400]) func secondMomentsAreTheSumOfOuterProducts(dimension: Int) {
        let x = matrix(37, dimension)
        var bits: [[UInt64]] = []
        for threads in 1...3 {
            let sum = DenseMatrix(rows: dimension, columns: dimension)
            for _ in 0..<2 {
                Dense.addSecondMoment(
                    ThreadPool(threads: threads), sum.pointer, dimension: dimension, x.pointer, rows: x.rows)
            }
            var values: [UInt64] = []
            for i in 0..<dimension { for j in i..<dimension { values.append(sum[i, j].bitPattern) } }
            bits.append(values)
            for (i, j) in [(0, 0), (0, dimension - 1), (dimension / 2, dimension - 1)] {
                let expected = 2 * (0..<x.rows).reduce(0.0) { $0 + x[$1, i] * x[$1, j] }
                #expect(abs(sum[i, j] - expected) < 1e-12 * Double(x.rows))
            }
        }
        #expect(bits[0] == bits[1] && bits[0] == bits[2])
    }

    @Test func eigenvectorsAreRowsAndMakeTheMatrixAgain() throws {
        let x = matrix(30, 17)
        let a = Dense.product(x, transposeA: true, x)
        let vectors = a.copy
        let values = try Dense.eigen(vectors)
        #expect(values == values.sorted())
        #expect(difference(Dense.product(vectors, vectors, transposeB: true), .identity(17)) < 1e-12)
        let scaled = vectors.copy
        for i in 0..<17 { for j in 0..<17 { scaled.pointer[i * 17 + j] *= values[i] } }
        #expect(difference(Dense.product(vectors, transposeA: true, scaled), a) < 1e-11)
    }

    /// A root has as many rows as the matrix has ranks.
    @Test(arguments: [4, 20, 33]) func rootsOfAnyRank(rows: Int) throws {
        let x = matrix(rows, 20)
        let a = Dense.product(x, transposeA: true, x)
        let root = try Dense.root(a.copy)
        #expect(root.rows == min(rows, 20))
        #expect(difference(Dense.product(root, transposeA: true, root), a) < 1e-11)
        #expect(try Dense.root(DenseMatrix(rows: 6, columns: 6)).rows == 0)
    }

    @Test func rowsBecomeOrthonormalAndKeepTheirSide() throws {
        let a = matrix(6, 15)
        let q = a.copy
        try Dense.orthonormalise(q)
        #expect(difference(Dense.product(q, q, transposeB: true), .identity(6)) < 1e-13)
        // Row i lies in the span of rows 0...i, and looks the same way.
        let inside = Dense.product(a, q, transposeB: true)
        for i in 0..<6 {
            #expect(inside[i, i] > 0)
            for j in i + 1..<6 { #expect(abs(inside[i, j]) < 1e-12) }
        }
    }

    @Test(arguments: [0, 3, 15]) func completionMakesABasis(rows: Int) throws {
        let a = matrix(rows, 15, seed: 8)
        try Dense.orthonormalise(a)
        let rest = try Dense.completion(a)
        #expect(rest.rows == 15 - rows)
        #expect(difference(Dense.product(rest, rest, transposeB: true), .identity(15 - rows)) < 1e-13)
        let across = Dense.product(a, rest, transposeB: true)
        for i in 0..<rows * rest.rows { #expect(abs(across.pointer[i]) < 1e-13) }
    }

    @Test func triangleAndTranspose() {
        let packed: [Double] = [1, 2, 3, 4, 5, 6]
        let whole = DenseMatrix(dimension: 3, upperTriangle: packed)
        #expect((0..<9).map { whole.pointer[$0] } == [1, 2, 3, 2, 4, 5, 3, 5, 6])
        let x = matrix(3, 5)
        #expect(x.transposed[4, 2] == x[2, 4])
        #expect(x.narrowed().floatArray() == (0..<15).map { Float(x.pointer[$0]) })
    }

    /// w + left · right, whole or row by row, at sizes that are no multiple of the kernel's.
    @Test(arguments: [(1, 3, 5), (6, 16, 1), (7, 33, 9), (13, 15, 40)]) func lowRankAdd(
        rows: Int, columns: Int, rank: Int
    ) {
        let left = matrix(rows, rank, seed: 2)
        let right = matrix(rank, columns, seed: 3)
        let (l, r) = (left.narrowed(), right.narrowed())
        let start = matrix(rows, columns, seed: 4).narrowed().floatArray()
        var whole = start
        fl_low_rank_add(&whole, l.floats.baseAddress!, r.floats.baseAddress!, rank, rows, columns)
        var apart = start
        apart.withUnsafeMutableBufferPointer { w in
            for i in 0..<rows {
                fl_low_rank_add(
                    w.baseAddress! + i * columns, l.floats.baseAddress! + i * rank, r.floats.baseAddress!, rank, 1,
                    columns)
            }
        }
        #expect(whole.map(\.bitPattern) == apart.map(\.bitPattern))
        for i in 0..<rows {
            for j in 0..<columns {
                let sum = (0..<rank).reduce(Double(start[i * columns + j])) { $0 + left[i, $1] * right[$1, j] }
                #expect(abs(Double(whole[i * columns + j]) - sum) < 1e-5)
            }
        }
    }

    @Test func outerProductsAccumulate() {
        let (x, y) = (matrix(9, 4, seed: 5).narrowed(), matrix(9, 7, seed: 6).narrowed())
        var m = [Double](repeating: 1, count: 28)
        fl_outer_accumulate(&m, x.floats.baseAddress!, 4, 4, y.floats.baseAddress!, 7, 7, 9)
        for a in 0..<4 {
            for b in 0..<7 {
                let sum = (0..<9).reduce(1.0) { $0 + Double(x.floats[$1 * 4 + a]) * Double(y.floats[$1 * 7 + b]) }
                #expect(abs(m[a * 7 + b] - sum) < 1e-12)
            }
        }
    }
}
