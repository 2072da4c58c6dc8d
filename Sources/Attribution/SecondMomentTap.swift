import CKernels
import Checkpoint
import Linalg
public import Selection
public import Tensors
public import Transformer

/// Σ x xᵀ over response positions, f64, at the four places of a decoder block (arXiv 2402.05162, rank level); where a
/// map's outputs are fewer than its inputs, Σ (W x)(W x)ᵀ.
///
/// A batch's response rows are gathered and enter as one product per tile of the upper triangle, so the sums depend on
/// the batches alone.
public final class SecondMomentTap: Collector {
    private let stage: Stage
    private let pool: ThreadPool
    private let layers: Range<Int>
    /// [dimension × dimension], upper triangle, by statistic name.
    private var sums: [String: AlignedBuffer] = [:]
    /// Why a weight could not be read.
    private var failure: (any Error)?

    public init(_ statistic: SecondMoments, _ place: CollectorPlace) {
        stage = place.stage
        pool = place.pool
        layers = place.layers
    }

    public func input(layer: Int, stack: FusedProjection, x: UnsafePointer<Float>, columns: Int, batch: PackedBatch) {
        guard failure == nil, layers.contains(layer) else { return }
        let place = SecondMoments.places(of: stage.config, layer: layer)[stack.rawValue]
        let d = place.dimension
        let sum = sums[place.name] ?? AlignedBuffer(byteCount: d * d * 8)
        sums[place.name] = sum
        let rows = batch.spans.reduce(0) { $0 + $1.responseRows.count }
        let gathered = DenseMatrix(rows: rows, columns: columns)
        var next = 0
        for span in batch.spans {
            fl_f32_to_f64(
                gathered.pointer + next * columns, x + span.responseRows.lowerBound * columns,
                span.responseRows.count * columns)
            next += span.responseRows.count
        }
        do {
            let values = place.side == .input ? gathered : try outputs(layer: layer, stack: stack, gathered)
            Dense.addSecondMoment(
                pool, sum.address.assumingMemoryBound(to: Double.self), dimension: d, values.pointer, rows: rows)
        } catch { failure = error }
    }

    /// x · Wᵀ [rows × d_out], without the bias.
    private func outputs(layer: Int, stack: FusedProjection, _ x: DenseMatrix) throws -> DenseMatrix {
        let matrix = stage.layers[layer - stage.range.lowerBound].stacks[stack.rawValue]
        let y = DenseMatrix(rows: x.rows, columns: matrix.rows)
        nonisolated(unsafe) let (input, output) = (x, y)
        try matrix.withFloats { w in
            nonisolated(unsafe) let weights = w
            pool.run(over: matrix.rows, by: 96) { rows in
                let part = DenseMatrix(
                    rows: rows.count, columns: matrix.columns, widening: weights + rows.lowerBound * matrix.columns)
                Dense.product(
                    output.pointer + rows.lowerBound, ldc: matrix.rows, input.pointer, lda: matrix.columns,
                    part.pointer, ldb: matrix.columns, transposeB: true, m: input.rows, n: rows.count,
                    k: matrix.columns)
            }
        }
        return y
    }

    /// Upper triangles, row by row; takes the sums away.
    /// - Throws: what reading a weight threw.
    public func take() throws -> [TensorBundle.Entry] {
        if let failure { throw failure }
        var entries: [TensorBundle.Entry] = []
        for layer in layers {
            for place in SecondMoments.places(of: stage.config, layer: layer) {
                guard let sum = sums.removeValue(forKey: place.name) else { continue }
                let d = place.dimension
                let packed = AlignedBuffer(byteCount: place.packedCount * 8, zeroed: false)
                let from = sum.address.assumingMemoryBound(to: Double.self)
                var to = packed.address.assumingMemoryBound(to: Double.self)
                for i in 0..<d {
                    to.update(from: from + i * d + i, count: d - i)
                    to += d - i
                }
                entries.append(.init(name: place.name, type: .f64, shape: [place.packedCount], buffer: packed))
            }
        }
        return entries
    }
}
