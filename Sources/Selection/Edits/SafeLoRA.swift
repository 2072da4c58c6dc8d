public import Checkpoint
import Tensors

/// Safe LoRA (arXiv 2405.16833, section 3, and the code published with it): fine-tuned B of a map is replaced by C B with
/// C = V Vᵀ / ‖V‖_F, V = W_aligned − W_base, where C B A points elsewhere than B A.
///
/// The paper calls C a projection. It is none: it is not idempotent, and it grows with V. Here it is as published. The
/// published code rounds the cosines to five decimals, so that equal ones may replace more than the number asked for; here
/// they are not rounded, and of equal ones the map that comes first in the model is replaced first.
public enum SafeLoRA {
    /// Which maps are replaced.
    public enum Choice: Sendable, Equatable {
        /// Those whose cosine is at most this.
        case threshold(Double)
        /// So many of the lowest cosine; all where there are fewer.
        case lowest(Int)
    }

    /// How many the published code replaces by default.
    public static let standardCount = 10

    /// What a map's matrices come to.
    public struct Projection {
        /// C B [d_out × rank], row by row; `nil`: the base's map is the same as the model's, so that there is no C.
        public var left: [Double]?
        /// Of C B A and B A as vectors; `nil`: one of them is zero, or there is no C.
        public var cosine: Double?
    }

    /// Whether the base has the aligned model's linear maps.
    /// - Throws: `SelectionError` naming what differs.
    public static func check(
        _ base: any WeightSource, named source: String, against config: ModelConfig
    ) throws(SelectionError) {
        for map in WeightScores.maps(of: config) {
            guard let shape = base.shape(of: map.name) else { throw .missing(map: map.name, source: source) }
            guard shape == [map.rows, map.columns] else {
                throw .shape(map: "\(source): \(map.name)", expected: [map.rows, map.columns], found: shape)
            }
        }
        guard base.config.layerCount == config.layerCount else {
            throw .file(
                source, fault: "has \(base.config.layerCount) layers, and the study's model \(config.layerCount)")
        }
    }

    /// - Parameter edit: what LoRA fine-tuning of the aligned model came to.
    /// - Returns: the edit with C B in place of B in the chosen maps; its metadata say which, and every map's cosine.
    /// - Throws: as `check`; `SelectionError.file` where no map differs from the base's; what reading the models throws.
    public static func repaired(
        _ edit: LowRankEdit, aligned: any WeightSource, base: any WeightSource, baseName: String, _ choice: Choice
    ) throws -> LowRankEdit {
        try check(base, named: baseName, against: aligned.config)
        var projections: [Projection] = []
        for map in edit.maps {
            projections.append(try projection(of: map, aligned: aligned, base: base))
        }
        guard projections.contains(where: { $0.left != nil }) else {
            throw SelectionError.file(
                baseName,
                fault: "has the study's model's weights in every map that was trained: there is no C of Safe LoRA")
        }
        let order = projections.indices.filter { projections[$0].cosine != nil }
            .sorted { (projections[$0].cosine!, $0) < (projections[$1].cosine!, $1) }
        let chosen: [Int] =
            switch choice {
            case .threshold(let tau): order.filter { projections[$0].cosine! <= tau }
            case .lowest(let count): Array(order.prefix(count))
            }
        var result = edit
        for index in chosen {
            guard let left = projections[index].left else { continue }
            let map = edit.maps[index]
            result.maps[index] = LowRankEdit.Map(
                shape: map.shape, rank: map.rank, left: AlignedBuffer(left.map { Float($0) }),
                right: map.right)
        }
        result.metadata["base"] = baseName
        result.metadata["replaced"] = chosen.sorted().map { edit.maps[$0].shape.name }.joined(separator: " ")
        let cosines = projections.map { projection in projection.cosine.map { "\(Float($0))" } ?? "none" }
        result.metadata["cosines"] = cosines.joined(separator: " ")
        return result
    }

    /// C B and the cosine of one map. Sums are F64, each in one order.
    /// - Throws: what reading the models throws.
    public static func projection(
        of map: LowRankEdit.Map, aligned: any WeightSource, base: any WeightSource
    ) throws -> Projection {
        let (rows, columns, rank) = (map.shape.rows, map.shape.columns, map.rank)
        let v = AlignedBuffer(floats: rows * columns, zeroed: false)
        let other = AlignedBuffer(floats: rows * columns, zeroed: false)
        try aligned.read(map.shape.name, rows: 0..<rows, into: v.floats.baseAddress!)
        try base.read(map.shape.name, rows: 0..<rows, into: other.floats.baseAddress!)
        let (difference, second, b) = (v.floats.baseAddress!, other.floats.baseAddress!, map.left.floats.baseAddress!)
        var squares = 0.0
        // Vᵀ B [d_in × rank]
        var inner = [Double](repeating: 0, count: columns * rank)
        inner.withUnsafeMutableBufferPointer { inner in
            for i in 0..<rows {
                for j in 0..<columns {
                    let d = difference[i * columns + j] - second[i * columns + j]
                    difference[i * columns + j] = d
                    squares += Double(d) * Double(d)
                    for c in 0..<rank { inner[j * rank + c] += Double(d) * Double(b[i * rank + c]) }
                }
            }
        }
        guard squares > 0 else { return Projection(left: nil, cosine: nil) }
        let norm = squares.squareRoot()
        var left = [Double](repeating: 0, count: rows * rank)
        left.withUnsafeMutableBufferPointer { left in
            for i in 0..<rows {
                for j in 0..<columns {
                    let d = Double(difference[i * columns + j])
                    for c in 0..<rank { left[i * rank + c] += d * inner[j * rank + c] }
                }
                for c in 0..<rank { left[i * rank + c] /= norm }
            }
        }
        return Projection(left: left, cosine: cosine(left, map))
    }

    /// ⟨C B A, B A⟩ = Σ ((C B)ᵀ B) ∘ (A Aᵀ), and the two norms likewise: no matrix of the map's size is made.
    private static func cosine(_ projected: [Double], _ map: LowRankEdit.Map) -> Double? {
        let (rows, columns, rank) = (map.shape.rows, map.shape.columns, map.rank)
        let own = map.left.floats.map { Double($0) }
        let a = map.right.floats.map { Double($0) }
        func product(_ x: [Double], _ y: [Double]) -> Double {
            var sum = 0.0
            for p in 0..<rank {
                for q in 0..<rank {
                    var (outer, inner) = (0.0, 0.0)
                    for i in 0..<rows { outer += x[i * rank + p] * y[i * rank + q] }
                    for j in 0..<columns { inner += a[p * columns + j] * a[q * columns + j] }
                    sum += outer * inner
                }
            }
            return sum
        }
        let norms = product(projected, projected) * product(own, own)
        guard norms > 0 else { return nil }
        return product(projected, own) / norms.squareRoot()
    }
}
