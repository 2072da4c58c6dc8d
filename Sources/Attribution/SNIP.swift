import CKernels
public import Checkpoint
public import Linalg
public import Selection
public import Tensors
public import Transformer

/// Σ_x abs(∇_W L(x)) for every linear map of a stage (arXiv 2402.05162, section 2; Lee et al. 2019).
///
/// The absolute value is taken per example, so gradients of examples are never summed before it. An example's gradient
/// exists in registers only; tiles of the accumulator stay in cache while the batch's examples pass over them.
public final class SNIP: Tap {
    private let pool: ThreadPool
    /// Σ abs(∇W) [d_out × d_in], by weight name.
    public private(set) var sums: [String: AlignedBuffer] = [:]
    private static let rowTile = 16 * Int(FL_SNIP_ROWS)
    private static let columnTile = 16 * Int(FL_SNIP_COLUMNS)

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
        let xPanel = Int(FL_SNIP_COLUMNS)
        let dPanel = Int(FL_SNIP_ROWS)
        let packedX = pack(x, rows: rows, columns: columns, width: xPanel)
        let parts = split(outputs, shares: stack.maps.map { $0.shape(in: config).rows })
        for (map, part) in zip(stack.maps, parts) {
            let sum = sum(map, layer: layer)
            let packedD = pack(dy + part.lowerBound, rows: rows, columns: part.count, ld: outputs, width: dPanel)
            let down = (part.count + Self.rowTile - 1) / Self.rowTile
            let across = (columns + Self.columnTile - 1) / Self.columnTile
            let acc = sum.address.assumingMemoryBound(to: Float.self)
            let d = packedD.address.assumingMemoryBound(to: Float.self)
            let px = packedX.address.assumingMemoryBound(to: Float.self)
            pool.run(down * across) { tile in
                let i = tile / across * Self.rowTile
                let j = tile % across * Self.columnTile
                for span in batch.spans {
                    fl_snip_tile(
                        acc, columns, d, px, rows, span.rows.lowerBound, span.rows.upperBound, i,
                        min(part.count, i + Self.rowTile), j, min(columns, j + Self.columnTile))
                }
            }
        }
    }

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

    private func pack(_ x: UnsafePointer<Float>, rows: Int, columns: Int, ld: Int? = nil, width: Int) -> AlignedBuffer {
        let ld = ld ?? columns
        let panels = (columns + width - 1) / width
        let packed = AlignedBuffer(floats: panels * rows * width, zeroed: false)
        let out = packed.address.assumingMemoryBound(to: Float.self)
        pool.run(over: panels, by: 8) { range in
            let first = range.lowerBound * width
            let last = min(columns, range.upperBound * width)
            fl_pack_panels(out + range.lowerBound * rows * width, x + first, rows, last - first, ld, width)
        }
        return packed
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
