public import Checkpoint
public import Selection
public import Tensors
public import Transformer

/// Every attention head's output at the last prompt token: the features of the paper's probes (arXiv 2402.05162,
/// probing).
///
/// A head's output is what the output projection reads of it: `headDim` columns of its input. A sequence that others
/// continue (a shared beginning) is no prompt of its own and gives no features.
public final class HeadOutputs: Tap {
    /// [sequences × heads·headDim], by layer, in the order of the sequences.
    public private(set) var rows: [Int: [Float]] = [:]
    private let config: ModelConfig
    private let layers: Range<Int>

    /// - Parameter layers: whose heads are wanted.
    public init(_ config: ModelConfig, layers: Range<Int>) {
        self.config = config
        self.layers = layers
    }

    public func input(layer: Int, stack: FusedProjection, x: UnsafePointer<Float>, columns: Int, batch: PackedBatch) {
        guard stack == .attentionOutput, layers.contains(layer) else { return }
        for span in batch.examples {
            let row = span.promptRow(fromEnd: 1) ?? span.rows.lowerBound
            rows[layer, default: []] += UnsafeBufferPointer(start: x + row * columns, count: columns)
        }
    }
}

extension HeadOutputs: Collector {
    public convenience init(_ statistic: HeadOutput, _ place: CollectorPlace) {
        self.init(place.config, layers: place.layers)
    }

    public func take() -> [TensorBundle.Entry] {
        let columns = config.headCount * config.headDim
        return layers.map { layer in
            let values = rows.removeValue(forKey: layer) ?? []
            return .init(
                name: StatisticName.headOutput(layer: layer), type: .f32, shape: [values.count / columns, columns],
                buffer: AlignedBuffer(values))
        }
    }
}
