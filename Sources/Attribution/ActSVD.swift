import CKernels
public import Linalg
public import Selection

/// The left singular vectors of W X from a second moment (arXiv 2402.05162, section 2, ActSVD).
public enum ActSVD {
    /// Directions and singular values, decreasing.
    public struct Subspace {
        /// Orthonormal rows [r × d_out].
        public let directions: DenseMatrix
        public let singularValues: [Double]
    }

    /// Where an eigenvalue of W C Wᵀ is no longer told from zero, relative to the largest: max(d_out, d_in) · 2⁻⁵², the
    /// convention of NumPy's `matrix_rank`. For singular values that is its root, 10⁻⁶ to 10⁻⁷.
    public static func tolerance(rows: Int, columns: Int) -> Double { Double(max(rows, columns)) * 0x1p-52 }

    /// - Parameters:
    ///   - weights: W [rows × columns].
    ///   - moment: C [columns × columns], or (W X)(W X)ᵀ [rows × rows], by `side`. Overwritten.
    ///   - limit: most directions wanted.
    /// - Throws: `LinalgError`; `ActSVD.NotFinite`.
    public static func subspace(
        _ weights: UnsafePointer<Float>, rows: Int, columns: Int, moment: DenseMatrix, side: SecondMoments.Side,
        limit: Int? = nil
    ) throws -> Subspace {
        precondition(moment.rows == (side == .input ? columns : rows), "a moment of dimension \(moment.rows)")
        let diagonal = (0..<moment.rows).map { moment[$0, $0] }
        guard diagonal.allSatisfy(\.isFinite) else { throw NotFinite() }
        let most = min(limit ?? .max, min(rows, columns))
        let floor = tolerance(rows: rows, columns: columns)
        guard side == .input else { return try symmetric(moment, most: most, floor: floor) }
        // C = Rᵀ R, so W C Wᵀ = (W Rᵀ)(W Rᵀ)ᵀ: R has as many rows as the data has directions, at most its tokens.
        let root = try Dense.root(moment)
        let w = DenseMatrix(rows: rows, columns: columns, widening: weights)
        let half = Dense.product(root, w, transposeB: true)
        guard root.rows < rows else {
            return try symmetric(Dense.product(half, transposeA: true, half), most: most, floor: floor)
        }
        return try gram(half, most: most, floor: floor)
    }

    /// From (W X)(W X)ᵀ [d_out × d_out] itself.
    private static func symmetric(_ moment: DenseMatrix, most: Int, floor: Double) throws -> Subspace {
        let n = moment.rows
        let values = try Dense.eigen(moment)
        let kept = count(values, most: most, floor: floor)
        let directions = DenseMatrix(rows: kept, columns: n)
        for row in 0..<kept {
            (directions.pointer + row * n).update(from: moment.pointer + (n - 1 - row) * n, count: n)
        }
        return finished(directions, values)
    }

    /// From the smaller side: with halfᵀ = W Rᵀ [d_out × k], k < d_out, eigenvectors v of half · halfᵀ [k × k] give
    /// halfᵀ v / σ. These are orthogonal in exact arithmetic only, hence the QR at the end.
    private static func gram(_ half: DenseMatrix, most: Int, floor: Double) throws -> Subspace {
        let k = half.rows
        let vectors = Dense.product(half, half, transposeB: true)
        let values = try Dense.eigen(vectors)
        let kept = count(values, most: most, floor: floor)
        let chosen = DenseMatrix(rows: kept, columns: k)
        for row in 0..<kept {
            let scale = 1 / values[k - 1 - row].squareRoot()
            for i in 0..<k { chosen.pointer[row * k + i] = scale * vectors[k - 1 - row, i] }
        }
        let directions = Dense.product(chosen, half)
        try Dense.orthonormalise(directions)
        return finished(directions, values)
    }

    private static func count(_ ascending: [Double], most: Int, floor: Double) -> Int {
        guard let largest = ascending.last, largest > 0 else { return 0 }
        return min(most, ascending.count { $0 > floor * largest })
    }

    /// A direction's sign is free: its largest component is made positive, the first where several are equal.
    private static func finished(_ directions: DenseMatrix, _ ascending: [Double]) -> Subspace {
        let n = directions.columns
        for row in 0..<directions.rows {
            let values = UnsafeMutableBufferPointer(start: directions.pointer + row * n, count: n)
            var largest = 0
            for i in values.indices where abs(values[i]) > abs(values[largest]) { largest = i }
            if values[largest] < 0 { for i in values.indices { values[i].negate() } }
        }
        let singular = (0..<directions.rows).map { ascending[ascending.count - 1 - $0].squareRoot() }
        return Subspace(directions: directions, singularValues: singular)
    }

    /// The data overflowed.
    public struct NotFinite: Error, CustomStringConvertible {
        public let description = "a second moment is not finite: the weights or an edit overflow"
    }
}
