import CKernels
public import Checkpoint
import Tensors

/// Weights that cannot write a direction into the residual stream: W − λ r̂ r̂ᵀ W for o and down of every decoder block, and
/// e − λ (eᵀr̂) r̂ for every row e of the embedding (arXiv 2406.11717, section 4.1). At λ = 1 the model computes
/// what the ablated one does (`Ablation`), where o and down have no biases and the head is not changed.
///
/// Each is a change of rank 1, so it is a low-rank edit: exact to undo, to export, and as a LoRA adapter.
public enum Orthogonalisation {
    /// What becomes of the embedding.
    public enum Embedding: String, Sendable, CaseIterable {
        /// Its rows as they are looked up are changed; the head stays as it is, also where it is the same tensor.
        case input
        /// The tensor is changed, as in the published code; where the head is the same tensor (tied), so is the head.
        case tensor
        /// It is left alone: what tokens bring along of the direction stays.
        case none
    }

    /// Makes the change of a model's weights.
    /// - Parameters:
    ///   - direction: r̂, of length 1 [hidden size].
    ///   - strength: λ; at 0 no weight is named.
    /// - Throws: `SelectionError.shape`; `.file` where o or down have biases; what the model throws where its weights cannot
    ///   be read.
    public static func edit(
        _ direction: [Float], strength: Float = 1, embedding: Embedding = .input, of model: any WeightSource,
        metadata: [String: String] = [:]
    ) throws -> LowRankEdit {
        let config = model.config
        try check(config)
        guard direction.count == config.hiddenSize else {
            throw SelectionError.shape(map: "direction", expected: [config.hiddenSize], found: [direction.count])
        }
        var maps: [LowRankEdit.Map] = []
        if strength != 0 {
            let rows = try embedding == .none ? nil : embeddingChange(direction, strength, model)
            if let rows { maps.append(rows) }
            for layer in 0..<config.layerCount {
                for map in [LinearMap.o, .down] {
                    let (count, columns) = map.shape(in: config)
                    maps.append(
                        try change(
                            of: WeightShape(name: map.weightName(layer: layer), rows: count, columns: columns),
                            direction, strength, model))
                }
            }
            if embedding == .tensor, config.tiedEmbeddings, let rows {
                let shape = WeightShape(name: ModelConfig.headName, rows: rows.shape.rows, columns: rows.shape.columns)
                maps.append(.init(shape: shape, rank: 1, left: rows.left, right: rows.right))
            }
        }
        return LowRankEdit(maps: maps, metadata: metadata)
    }

    /// - Throws: `SelectionError.file` where o or down have biases: the published code changes none, and with them the weights
    ///   are not what ablation is.
    public static func check(_ config: ModelConfig) throws(SelectionError) {
        guard config.hasBias(.o) || config.hasBias(.down) else { return }
        throw .file(
            "orthogonalisation",
            fault: "the model's o or down have biases, which it does not change: ablate instead")
    }

    /// −λ r̂ and r̂ᵀ W, summed in F64 in the order of the rows.
    private static func change(
        of shape: WeightShape, _ direction: [Float], _ strength: Float, _ model: any WeightSource
    ) throws -> LowRankEdit.Map {
        var sums = [Double](repeating: 0, count: shape.columns)
        try forEachPiece(shape, model) { rows, values in
            direction.withUnsafeBufferPointer {
                fl_outer_accumulate(
                    &sums, $0.baseAddress! + rows.lowerBound, 1, 1, values, shape.columns, shape.columns, rows.count)
            }
        }
        return try map(shape, left: direction.map { -strength * $0 }, right: sums.map { Float($0) })
    }

    /// −λ eᵀr̂ of every row e, and r̂ᵀ.
    private static func embeddingChange(
        _ direction: [Float], _ strength: Float, _ model: any WeightSource
    ) throws -> LowRankEdit.Map {
        let config = model.config
        let shape = WeightShape(
            name: ModelConfig.embeddingName, rows: config.vocabularySize, columns: config.hiddenSize)
        var left = [Float](repeating: 0, count: shape.rows)
        try forEachPiece(shape, model) { rows, values in
            for row in rows {
                let dot = fl_dot(values + (row - rows.lowerBound) * shape.columns, direction, shape.columns)
                left[row] = Float(-Double(strength) * dot)
            }
        }
        return try map(shape, left: left, right: direction)
    }

    private static func map(_ shape: WeightShape, left: [Float], right: [Float]) throws -> LowRankEdit.Map {
        guard left.allSatisfy(\.isFinite), right.allSatisfy(\.isFinite) else {
            throw SelectionError.file(
                "the model", map: shape.name,
                fault: "holds a weight that is no finite number: the checkpoint is damaged")
        }
        return .init(shape: shape, rank: 1, left: AlignedBuffer(left), right: AlignedBuffer(right))
    }

    /// Rows of a weight, some MiB at a time.
    private static func forEachPiece(
        _ shape: WeightShape, _ model: any WeightSource, _ body: (Range<Int>, UnsafeMutablePointer<Float>) -> Void
    ) throws {
        guard model.shape(of: shape.name) == [shape.rows, shape.columns] else {
            throw SelectionError.missing(map: shape.name, source: "the model")
        }
        let step = max(1, (1 << 20) / max(1, shape.columns))
        let values = AlignedBuffer(floats: min(step, shape.rows) * shape.columns, zeroed: false)
        for start in stride(from: 0, to: shape.rows, by: step) {
            let rows = start..<min(start + step, shape.rows)
            try model.read(shape.name, rows: rows, into: values.floats.baseAddress!)
            body(rows, values.floats.baseAddress!)
        }
    }
}
