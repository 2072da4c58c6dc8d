import CKernels
import Checkpoint
public import Selection
public import Tensors
public import Transformer

/// Sums of every input channel of the output and down projections, and of their squares, over tokens, by class, in f64
/// (`UnitVariance`).
///
/// Examples add in their order, and each one's tokens in theirs. A beginning that several examples share counts once for each
/// of them.
public final class UnitVariances: Collector {
    private struct Sums {
        /// [classes × width] f64.
        let sum: AlignedBuffer
        let squares: AlignedBuffer
        var counts: [Double]
    }

    private let statistic: UnitVariance
    private let layers: Range<Int>
    private let classes: Int
    private let config: ModelConfig
    private var sums: [String: Sums] = [:]

    public init(_ statistic: UnitVariance, _ place: CollectorPlace) {
        self.statistic = statistic
        (layers, classes, config) = (place.layers, place.classes, place.config)
        for layer in layers {
            for map in UnitVariance.maps {
                let bytes = classes * map.shape(in: config).columns * 8
                sums[map.weightName(layer: layer)] = Sums(
                    sum: AlignedBuffer(byteCount: bytes), squares: AlignedBuffer(byteCount: bytes),
                    counts: Array(repeating: 0, count: classes))
            }
        }
    }

    public func input(layer: Int, stack: FusedProjection, x: UnsafePointer<Float>, columns: Int, batch: PackedBatch) {
        guard let map = stack.maps.first, UnitVariance.maps.contains(map), layers.contains(layer) else { return }
        let name = map.weightName(layer: layer)
        guard var own = sums[name] else { return }
        let sum = own.sum.address.assumingMemoryBound(to: Double.self)
        let squares = own.squares.address.assumingMemoryBound(to: Double.self)
        for span in batch.examples {
            for rows in statistic.tokens.rows(of: span) {
                fl_moment_accumulate(
                    sum + span.group * columns, squares + span.group * columns, x + rows.lowerBound * columns,
                    rows.count,
                    columns, columns)
                own.counts[span.group] += Double(rows.count)
            }
        }
        sums[name] = own
    }

    /// F64 sums and sums of squares [classes × d_in] and counts [classes] of every output and down projection.
    public func take() -> [TensorBundle.Entry] {
        layers.flatMap { layer in
            UnitVariance.maps.flatMap { map -> [TensorBundle.Entry] in
                let weight = map.weightName(layer: layer)
                guard let own = sums.removeValue(forKey: weight) else { return [] }
                let shape = [classes, map.shape(in: config).columns]
                return [
                    .init(name: StatisticName.unit(.sum, weight), type: .f64, shape: shape, buffer: own.sum),
                    .init(name: StatisticName.unit(.squares, weight), type: .f64, shape: shape, buffer: own.squares),
                    .init(
                        name: StatisticName.unit(.count, weight), type: .f64, shape: [classes],
                        buffer: AlignedBuffer(doubles: own.counts)),
                ]
            }
        }
    }
}

extension UnitVariance.Tokens {
    /// The rows of an example's tokens, those of a shared beginning first.
    fileprivate func rows(of span: PackedBatch.Span) -> [Range<Int>] {
        switch self {
        case .all: [span.prefix, span.rows]
        case .prompt: [span.prefix, span.rows.lowerBound..<span.responseRows.lowerBound]
        case .response: [span.responseRows]
        }
    }
}
