import Checkpoint
public import Transformer

/// Every attention head's output at the last prompt token: the features of the paper's probes (paper.md, "probing").
///
/// A head's output is what the output projection reads of it: `headDim` columns of its input. A sequence that others
/// continue (a shared beginning) is no prompt of its own and gives no features.
public final class HeadOutputs: Tap {
    /// [sequences × heads·headDim], by layer, in the order of the sequences.
    public private(set) var rows: [Int: [Float]] = [:]

    public init() {}

    public func input(layer: Int, stack: Stack, x: UnsafePointer<Float>, columns: Int, batch: PackedBatch) {
        guard stack == .attentionOutput else { return }
        let shared = Set(batch.spans.filter { !$0.prefix.isEmpty }.map(\.prefix.lowerBound))
        for span in batch.spans where !shared.contains(span.rows.lowerBound) {
            // The row before the response; it lies in the prefix where the sequence's own tokens are all response.
            let first = span.responseRows.lowerBound
            let row = first > span.rows.lowerBound ? first - 1 : span.prefix.upperBound - 1
            rows[layer, default: []] += UnsafeBufferPointer(start: x + row * columns, count: columns)
        }
    }
}
