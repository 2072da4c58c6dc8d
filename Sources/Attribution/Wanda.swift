import CKernels
import Checkpoint
public import Selection
public import Tensors
public import Transformer

/// Σ x² per input column over response positions, f64: the norms of Wanda's score (arXiv 2402.05162, section 2; Sun et al.
/// 2024).
///
/// Response positions are those of the response tokens taken as inputs, without a shift.
public final class Wanda: Tap {
    /// Σ x² [d_in] as f64, by weight name; maps that share an input share a buffer.
    public private(set) var squares: [String: AlignedBuffer] = [:]

    private let layers: Range<Int>

    /// - Parameter layers: whose inputs are wanted.
    public init(layers: Range<Int>) { self.layers = layers }

    public func input(layer: Int, stack: FusedProjection, x: UnsafePointer<Float>, columns: Int, batch: PackedBatch) {
        guard layers.contains(layer) else { return }
        let names = stack.maps.map { $0.weightName(layer: layer) }
        let sum = squares[names[0]] ?? AlignedBuffer(byteCount: columns * 8)
        for name in names { squares[name] = sum }
        let acc = sum.address.assumingMemoryBound(to: Double.self)
        for span in batch.spans {
            fl_square_accumulate(
                acc, x + span.responseRows.lowerBound * columns, span.responseRows.count, columns, columns)
        }
    }
}

extension Wanda: Collector {
    public convenience init(_ statistic: InputSquares, _ place: CollectorPlace) { self.init(layers: place.layers) }

    public func take() -> [TensorBundle.Entry] {
        layers.flatMap { layer in
            LinearMap.allCases.compactMap { map in
                let weight = map.weightName(layer: layer)
                return squares.removeValue(forKey: weight).map {
                    .init(
                        name: StatisticName.inputSquares(weight), type: .f64, shape: [$0.byteCount / 8], buffer: $0)
                }
            }
        }
    }
}
