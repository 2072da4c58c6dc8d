import CKernels
import Tensors

#if canImport(Glibc)
    import Glibc
#endif

/// How much two selections or two subspaces have in common, per linear map (arXiv 2402.05162, section 4,
/// Jaccard indices and subspace similarity).
public enum Overlap {
    /// One map's value.
    public struct Value: Sendable, Equatable {
        public var map: String
        public var value: Double
        /// What each side has there: weights or ranks.
        public var sizes: [Int]

        public init(map: String, value: Double, sizes: [Int]) {
            self.map = map
            self.value = value
            self.sizes = sizes
        }
    }

    /// Jaccard index |A ∩ B| / |A ∪ B|; 1 where both select nothing.
    /// - Throws: `SelectionError.missing` or `.shape` where the masks do not cover the same matrices.
    public static func jaccard(_ a: Mask, _ b: Mask) throws(SelectionError) -> [Value] {
        let common = try a.intersection(b)
        let either = try a.union(b)
        let theirs = Dictionary(b.maps.map { ($0.shape.name, $0.bits.count) }) { first, _ in first }
        return zip(zip(a.maps, common.maps), either.maps).map { pair, union in
            let count = union.bits.count
            return Value(
                map: pair.0.shape.name, value: count == 0 ? 1 : Double(pair.1.bits.count) / Double(count),
                sizes: [pair.0.bits.count, theirs[pair.0.shape.name] ?? 0])
        }
    }

    /// φ = ‖U_aᵀ U_b‖_F² / min(rank U_a, rank U_b) over the first directions of both.
    /// - Parameter rank: how many directions of each map, capped at what either subspace has.
    /// - Throws: `SelectionError`.
    public static func similarity(
        _ a: SubspaceFile, _ b: SubspaceFile, rank: RankAmount, maps: [WeightShape]
    ) throws(SelectionError) -> [Value] {
        var values: [Value] = []
        for map in maps {
            let wanted = try rank.directions(in: map, name: "rank")
            let (first, second) = (try a.shape(of: map.name), try b.shape(of: map.name))
            guard first.rows == map.rows, second.rows == map.rows else {
                throw .shape(map: map.name, expected: [map.rows], found: [first.rows, second.rows])
            }
            let (p, q) = (min(wanted, first.columns), min(wanted, second.columns))
            let sum = try squaredProduct(a, b, map.name, p, q)
            values.append(Value(map: map.name, value: min(p, q) == 0 ? 0 : sum / Double(min(p, q)), sizes: [p, q]))
        }
        return values
    }

    /// ‖U_aᵀ U_b‖_F² over the first p and q directions.
    private static func squaredProduct(
        _ a: SubspaceFile, _ b: SubspaceFile, _ weight: String, _ p: Int, _ q: Int
    ) throws(SelectionError) -> Double {
        guard p > 0, q > 0 else { return 0 }
        let rows = try a.shape(of: weight).rows
        // Directions a row each: transposed here, so that the kernel walks over output positions.
        let x = transposed(try a.directions(of: weight, columns: Array(0..<p)), rows: p, columns: rows)
        let y = transposed(try b.directions(of: weight, columns: Array(0..<q)), rows: q, columns: rows)
        let product = AlignedBuffer(byteCount: p * q * 8)
        let m = product.address.assumingMemoryBound(to: Double.self)
        fl_outer_accumulate(m, x.floats.baseAddress, p, p, y.floats.baseAddress, q, q, rows)
        return (0..<p * q).reduce(0) { $0 + m[$1] * m[$1] }
    }

    private static func transposed(_ x: AlignedBuffer, rows: Int, columns: Int) -> AlignedBuffer {
        let result = AlignedBuffer(floats: rows * columns, zeroed: false)
        for i in 0..<rows { for j in 0..<columns { result.floats[j * rows + i] = x.floats[i * columns + j] } }
        return result
    }
}
