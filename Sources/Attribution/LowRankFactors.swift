public import Linalg

/// What is removed of W at the level of ranks, as factors (arXiv 2402.05162, section 2, ActSVD and orthogonal
/// projection): ΔW = P_n … P_1 W, where every P is a projection on orthonormal directions, Qᵀ Q, or its complement
/// I − Qᵀ Q.
public struct LowRankFactors {
    public struct Projection {
        /// Orthonormal rows [c × d_out].
        public let directions: DenseMatrix
        public let isComplement: Bool

        public init(directions: DenseMatrix, isComplement: Bool) {
            self.directions = directions
            self.isComplement = isComplement
        }

        /// x · P for rows x [r × d_out]; P is symmetric.
        public func callAsFunction(_ x: DenseMatrix) -> DenseMatrix {
            let n = x.columns
            precondition(directions.columns == n, "directions of \(directions.columns) on rows of \(n)")
            let inside = Dense.product(x, directions, transposeB: true)
            let result = isComplement ? x.copy : DenseMatrix(rows: x.rows, columns: n)
            guard directions.rows > 0 else { return result }
            Dense.product(
                result.pointer, ldc: n, inside.pointer, lda: inside.columns, directions.pointer, ldb: n, m: x.rows,
                n: n, k: directions.rows, alpha: isComplement ? -1 : 1, beta: isComplement ? 1 : 0)
            return result
        }
    }

    /// [k × d_out]: the left factor, transposed.
    public let leftTransposed: DenseMatrix
    /// [k × d_in]
    public let right: DenseMatrix
    public var rank: Int { right.rows }

    /// Factors of P_n … P_1 W over the projection on the fewest directions; where all are complements and none is that of
    /// nearly all outputs, k is min(d_out, d_in).
    /// - Parameter weights: W [d_out × d_in].
    /// - Throws: `LinalgError`.
    public init(_ projections: [Projection], weights: DenseMatrix) throws {
        var projections = projections
        let most = min(weights.rows, weights.columns)
        // What a complement leaves has directions of its own, which are few where those it is of are many.
        let fewest = projections.filter { !$0.isComplement }.map(\.directions.rows).min() ?? most
        if let place = projections.indices.filter({ projections[$0].isComplement })
            .max(by: { projections[$0].directions.rows < projections[$1].directions.rows }),
            weights.rows - projections[place].directions.rows < fewest
        {
            projections[place] = Projection(
                directions: try Dense.completion(projections[place].directions), isComplement: false)
        }
        let cut = projections.indices.filter { !projections[$0].isComplement }
            .min { projections[$0].directions.rows < projections[$1].directions.rows }
        if let cut {
            let q = projections[cut].directions
            leftTransposed = projections[(cut + 1)...].reduce(q) { $1($0) }
            right = Dense.product(projections[..<cut].reversed().reduce(q) { $1($0) }, weights)
        } else if weights.rows <= weights.columns {
            leftTransposed = projections.reduce(.identity(weights.rows)) { $1($0) }
            right = weights
        } else {
            leftTransposed = projections.reduce(weights.transposed) { $1($0) }
            right = .identity(weights.columns)
        }
    }
}
