import CKernels
public import Checkpoint
public import Linalg
public import Selection
public import Tensors
public import Transformer

/// Σ_x abs(∇_W L(x)) for every linear map of a stage (arXiv 2402.05162, section 2; Lee et al. 2019).
///
/// The absolute value is taken per example, so gradients of examples are never summed before it. An example's gradient
/// exists in registers only; a tile of the accumulator stays in cache while the batch's examples pass over it.
public final class SNIP: Tap {
    private let pool: ThreadPool
    /// Σ abs(∇W) [d_out × d_in], by weight name.
    public private(set) var sums: [String: AlignedBuffer] = [:]
    private let config: ModelConfig
    private let layers: Range<Int>?

    /// - Parameter layers: whose gradients are wanted; all where nil.
    public init(_ config: ModelConfig, pool: ThreadPool, layers: Range<Int>? = nil) {
        self.config = config
        self.pool = pool
        self.layers = layers
    }

    public func gradient(
        layer: Int, stack: FusedProjection, x: UnsafePointer<Float>, columns: Int, dy: UnsafePointer<Float>,
        outputs: Int,
        batch: PackedBatch
    ) {
        guard layers?.contains(layer) ?? true else { return }
        let rows = batch.rowCount
        // At the kernels' level: rows and columns that lie in registers, and of them a tile that stays in cache. An entry's
        // bits do not depend on it.
        let (height, width) = (fl_snip_rows(), fl_snip_columns())
        let (rowTile, columnTile) = ((96 + height - 1) / height * height, 256)
        let shares = split(outputs, shares: stack.maps.map { $0.shape(in: config).rows })
        let packedX = AlignedBuffer(floats: padded(columns, to: width) * rows, zeroed: false)
        var packing = panels(of: x, columns: columns, ld: columns, width: width, into: packedX)
        var tiles: [Tile] = []
        // What lies in memory until the tiles are done.
        var buffers = [packedX]
        for (map, share) in zip(stack.maps, shares) {
            let delta = AlignedBuffer(floats: padded(share.count, to: height) * rows, zeroed: false)
            packing += panels(of: dy + share.lowerBound, columns: share.count, ld: outputs, width: height, into: delta)
            let accumulator = sum(map, layer: layer)
            buffers += [delta, accumulator]
            for i in stride(from: 0, to: share.count, by: rowTile) {
                for j in stride(from: 0, to: columns, by: columnTile) {
                    tiles.append(
                        Tile(
                            accumulator: accumulator.floats.baseAddress!, delta: delta.floats.baseAddress!,
                            rows: i..<min(share.count, i + rowTile), columns: j..<min(columns, j + columnTile)))
                }
            }
        }
        pool.run(packing.count) { packing[$0].pack(rows: rows) }
        let px = packedX.floats.baseAddress!
        let spans = batch.spans.flatMap { [$0.rows.lowerBound, $0.rows.upperBound] }
        pool.run(tiles.count) { number in
            let tile = tiles[number]
            fl_snip_tile(
                tile.accumulator, columns, tile.delta, px, rows, spans, batch.spans.count, tile.rows.lowerBound,
                tile.rows.upperBound, tile.columns.lowerBound, tile.columns.upperBound)
        }
        withExtendedLifetime(buffers) {}
    }

    /// Part of a map's accumulator, and the map's packed δ.
    private struct Tile {
        let accumulator: UnsafeMutablePointer<Float>
        let delta: UnsafeMutablePointer<Float>
        let rows: Range<Int>
        let columns: Range<Int>
    }

    /// Columns that are copied into panels of `width`.
    private struct Panels {
        let source: UnsafePointer<Float>
        let columns: Int
        let ld: Int
        let width: Int
        let destination: UnsafeMutablePointer<Float>

        func pack(rows: Int) { fl_pack_panels(destination, source, rows, columns, ld, width) }
    }

    /// All columns of x [rows × ld], eight panels a piece.
    private func panels(
        of x: UnsafePointer<Float>, columns: Int, ld: Int, width: Int, into buffer: AlignedBuffer
    ) -> [Panels] {
        let rows = buffer.floats.count / padded(columns, to: width)
        return stride(from: 0, to: columns, by: 8 * width).map { first in
            Panels(
                source: x + first, columns: min(8 * width, columns - first), ld: ld, width: width,
                destination: buffer.floats.baseAddress! + first * rows)
        }
    }

    private func padded(_ count: Int, to width: Int) -> Int { (count + width - 1) / width * width }

    private func sum(_ map: LinearMap, layer: Int) -> AlignedBuffer {
        let name = map.weightName(layer: layer)
        if let known = sums[name] { return known }
        let shape = map.shape(in: config)
        let new = AlignedBuffer(floats: shape.rows * shape.columns)
        sums[name] = new
        return new
    }

    private func split(_ outputs: Int, shares: [Int]) -> [Range<Int>] {
        var start = 0
        let parts = shares.map { count in
            defer { start += count }
            return start..<start + count
        }
        precondition(start == outputs, "the maps' outputs add up to \(start), not \(outputs)")
        return parts
    }
}

extension SNIP: Collector {
    public convenience init(_ statistic: AbsoluteGradient, _ place: CollectorPlace) {
        self.init(place.config, pool: place.pool, layers: place.layers)
    }

    public func take() -> [TensorBundle.Entry] {
        (layers ?? 0..<config.layerCount).flatMap { layer in
            LinearMap.allCases.compactMap { map in
                let weight = map.weightName(layer: layer)
                let shape = map.shape(in: config)
                return sums.removeValue(forKey: weight).map {
                    .init(
                        name: StatisticName.absoluteGradient(weight), type: .f32, shape: [shape.rows, shape.columns],
                        buffer: $0)
                }
            }
        }
    }
}
