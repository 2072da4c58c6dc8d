import CKernels
import Linalg
public import Tensors

/// Prefill and decode steps of a stage, with a key-value cache.
extension Stage {
    /// Runs whole prompts and stores their keys and values.
    /// - Parameter slots: where each sequence of the batch goes, with the prefix it continues; `nil` for a prefix alone.
    /// - Returns: the last layer's output [rows × d].
    /// - Throws: what `DecoderLayer.forward` throws.
    public func prefill(_ x: AlignedBuffer, batch: PackedBatch, slots: [Int?], cache: KeyValueCache) throws
        -> AlignedBuffer
    {
        var x = x
        for (i, layer) in layers.enumerated() {
            let attention = layer.attention
            let offset = attention.heads * attention.headDim
            x = try layer.forward(x, batch: batch) { qkv, context in
                for case (let span, let slot?) in zip(batch.spans, slots) {
                    for (position, row) in (Array(span.prefix) + Array(span.rows)).enumerated() {
                        cache.store(qkv + row * attention.width + offset, layer: i, slot: slot, position: position)
                    }
                }
                attention.forward(self.pool, batch: batch, qkv: qkv, context: context)
            }.output
        }
        for case (let span, let slot?) in zip(batch.spans, slots) {
            cache.setLength(span.prefix.count + span.rows.count, slot: slot)
        }
        return x
    }

    /// One token for each of `slots`, in that order.
    /// - Parameters:
    ///   - x: [slots × d].
    ///   - batch: one sequence a row, as `DecodeBatch.make` builds it.
    /// - Returns: the last layer's output [slots × d].
    /// - Throws: what `DecoderLayer.forward` throws.
    public func decode(_ x: AlignedBuffer, batch: PackedBatch, slots: [Int], cache: KeyValueCache) throws
        -> AlignedBuffer
    {
        var x = x
        for (i, layer) in layers.enumerated() {
            let attention = layer.attention
            let width = attention.width
            let out = attention.heads * attention.headDim
            x = try layer.forward(x, batch: batch) { qkv, context in
                self.pool.run(slots.count * attention.keyValueHeads) { unit in
                    let row = unit / attention.keyValueHeads
                    let head = unit % attention.keyValueHeads
                    let slot = slots[row]
                    let position = cache.lengths[slot]
                    let own = qkv + row * width + out
                    let keys = cache.keys(layer: i, slot: slot) + head * attention.headDim
                    let values = cache.values(layer: i, slot: slot) + head * attention.headDim
                    (keys + position * cache.stride).update(
                        from: own + head * attention.headDim, count: attention.headDim)
                    (values + position * cache.stride)
                        .update(from: own + cache.width + head * attention.headDim, count: attention.headDim)
                    let scratch = AlignedBuffer(floats: attention.group * (position + 1), zeroed: false)
                    attention.decode(
                        q: qkv + row * width, k: keys, v: values, stride: cache.stride, count: position + 1, head: head,
                        context: context + row * out, scratch: scratch.p)
                }
            }.output
        }
        for slot in slots { cache.setLength(cache.lengths[slot] + 1, slot: slot) }
        return x
    }
}

/// The packed form of a decode step: one row a sequence.
public enum DecodeBatch {
    /// - Parameters:
    ///   - firstWritten: of every row's sequence, as in a batch of prompts.
    ///   - isOpposed: of every row's sequence, likewise.
    public static func make(
        tokens: [Int32], positions: [Int], firstWritten: [Int?] = [], isOpposed: [Bool] = []
    ) -> PackedBatch {
        precondition(!tokens.isEmpty && tokens.count == positions.count)
        return PackedBatch(
            rows: tokens, positions: positions.map(Int32.init), firstWritten: firstWritten, isOpposed: isOpposed)
    }
}
