public import Checkpoint
public import Tensors

/// Antidote (arXiv 2408.09600, section 4): after fine-tuning, the weights that matter most to harmful data are set to zero.
/// A weight matters by Wanda, |W_ij| · ‖x_j‖ over the data's tokens, and of every output row the first percent go.
///
/// The inputs x are those of the fine-tuned model over response positions, as `InputSquares` counts them.
public enum Antidote {
    /// What is pruned.
    public enum Place: String, Sendable, CaseIterable {
        /// W + left · right of the maps that were fine-tuned: our reading of the paper.
        case merged
        /// A and B, each by its own inputs (x, and A x), as the published code does it.
        case factors

        public var title: String { self == .merged ? "the merged weights" : "A and B" }

        /// What is collected of the data.
        public var statistic: any Statistic {
            switch self {
            case .merged: InputSquares()
            case .factors: SecondMoments()
            }
        }
    }

    /// The published `dense_ratio`, 0.1.
    public static let standardPercent = 10.0

    /// - Parameters:
    ///   - edit: what LoRA fine-tuning came to.
    ///   - folded: the place's statistic of the fine-tuned model.
    /// - Returns: the fine-tuned model without the chosen weights: ⌊percent · columns / 100⌋ of every row.
    /// - Throws: `SelectionError` where a statistic is missing, or percent is out of range; what reading the model throws.
    public static func pruned(
        _ edit: LowRankEdit, _ place: Place, percent: Double, model: any WeightSource, folded: TensorBundle
    ) throws -> any WeightEdit {
        try TopK.check(percent: percent, name: "percent")
        switch place {
        case .merged: return try merged(edit, percent, model, folded)
        case .factors: return try factors(edit, percent, model.config, folded)
        }
    }

    private static func merged(
        _ edit: LowRankEdit, _ percent: Double, _ model: any WeightSource, _ folded: TensorBundle
    ) throws -> PrunedLowRank {
        let change = try edit.rewrite()
        var maps: [Mask.Map] = []
        for map in edit.maps {
            let (shape, rows) = (map.shape, 0..<map.shape.rows)
            let squares = try tensor(StatisticName.inputSquares(shape.name), count: shape.columns, of: folded)
            let weights = AlignedBuffer(floats: shape.count, zeroed: false)
            try model.read(shape.name, rows: rows, into: weights.floats.baseAddress!)
            try change(shape.name, rows, weights.floats.baseAddress!)
            maps.append(
                .init(
                    shape: shape,
                    bits: try first(percent, of: weights, columns: shape.columns, squares, map: shape.name)))
        }
        return PrunedLowRank(edit: edit, mask: Mask(maps: maps))
    }

    private static func factors(
        _ edit: LowRankEdit, _ percent: Double, _ config: ModelConfig, _ folded: TensorBundle
    ) throws -> LowRankEdit {
        var result = edit
        for (index, map) in edit.maps.enumerated() {
            let moment = try moment(of: map.shape.name, config, folded)
            let columns = map.shape.columns
            let right = AlignedBuffer(map.right.floatArray())
            let left = AlignedBuffer(map.left.floatArray())
            let diagonal = (0..<columns).map { moment[packed($0, $0, columns)] }
            zero(try first(percent, of: map.right, columns: columns, diagonal, map: "A of \(map.shape.name)"), right)
            // ‖(A x)_c‖² = a_c (X Xᵀ) a_cᵀ, of A before it is pruned.
            let inner = (0..<map.rank).map { c in
                var sum = 0.0
                for i in 0..<columns {
                    var row = 0.0
                    for j in 0..<columns {
                        row += moment[packed(min(i, j), max(i, j), columns)] * Double(map.right.floats[c * columns + j])
                    }
                    sum += row * Double(map.right.floats[c * columns + i])
                }
                return max(0, sum)
            }
            zero(try first(percent, of: map.left, columns: map.rank, inner, map: "B of \(map.shape.name)"), left)
            result.maps[index] = LowRankEdit.Map(shape: map.shape, rank: map.rank, left: left, right: right)
        }
        return result
    }

    /// The first percent of every row by Wanda.
    private static func first(
        _ percent: Double, of weights: AlignedBuffer, columns: Int, _ squares: [Double], map: String
    ) throws -> BitSet {
        let norms = squares.map { Float($0.squareRoot()) }
        let scores = (0..<weights.floats.count).map { abs(weights.floats[$0]) * norms[$0 % columns] }
        return try scores.withUnsafeBufferPointer {
            try TopK.selectRows(
                $0, columns: columns, k: TopK.count(percent: percent, of: columns), order: .largest, map: map)
        }
    }

    private static func zero(_ bits: BitSet, _ values: AlignedBuffer) {
        for index in values.floats.indices where bits[index] { values.floats[index] = 0 }
    }

    /// Σ x xᵀ of the map's inputs, packed.
    private static func moment(of weight: String, _ config: ModelConfig, _ folded: TensorBundle) throws -> [Double] {
        for layer in 0..<config.layerCount {
            for place in SecondMoments.places(of: config, layer: layer)
            where place.side == .input && place.maps.contains(where: { $0.weightName(layer: layer) == weight }) {
                return try tensor(place.name, count: place.packedCount, of: folded)
            }
        }
        throw SelectionError.missing(map: weight, source: "the second moments of inputs")
    }

    /// Where row i, column j ≥ i of an upper triangle lies.
    private static func packed(_ i: Int, _ j: Int, _ size: Int) -> Int { i * size - i * (i - 1) / 2 + j - i }

    private static func tensor(_ name: String, count: Int, of folded: TensorBundle) throws -> [Double] {
        guard let entry = folded[name], entry.type == .f64, entry.buffer.byteCount == count * 8 else {
            throw SelectionError.missing(map: name, source: "the harmful data's statistics")
        }
        return entry.buffer.doubleArray()
    }
}
