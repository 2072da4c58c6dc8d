import CKernels
import Linalg
public import Tensors

/// Prefill and decode steps of a stage, with a key-value cache.
extension Stage {
    /// Runs whole prompts and stores their keys and values.
    /// - Parameter slots: where each sequence of the batch goes.
    public func prefill(_ x: AlignedBuffer, batch: PackedBatch, slots: [Int], cache: KeyValueCache) throws -> AlignedBuffer {
        var x = x
        for (i, layer) in layers.enumerated() {
            let attention = layer.attention
            let offset = attention.heads * attention.headDim
            x = try layer.forward(x, batch: batch) { qkv, context in
                for (span, slot) in zip(batch.spans, slots) {
                    for (position, row) in span.rows.enumerated() {
                        cache.store(qkv + row * attention.width + offset, layer: i, slot: slot, position: position)
                    }
                }
                attention.forward(self.pool, batch: batch, qkv: qkv, context: context)
            }.output
        }
        for (span, slot) in zip(batch.spans, slots) { cache.setLength(span.rows.count, slot: slot) }
        return x
    }

    /// One token for each of `slots`, in that order; rows past `slots.count` pad the batch and are computed for nothing.
    /// - Parameters:
    ///   - x: [rows × d] with rows ≥ slots.count.
    ///   - batch: one sequence a row, as `DecodeBatch.make` builds it.
    public func decode(_ x: AlignedBuffer, batch: PackedBatch, slots: [Int], cache: KeyValueCache) throws -> AlignedBuffer {
        var x = x
        for (i, layer) in layers.enumerated() {
            let attention = layer.attention
            let width = attention.width
            let out = attention.heads * attention.headDim
            x = try layer.forward(x, batch: batch) { qkv, context in
                (context + slots.count * out).update(repeating: 0, count: (batch.rowCount - slots.count) * out)
                self.pool.run(slots.count * attention.keyValueHeads) { unit in
                    let row = unit / attention.keyValueHeads
                    let head = unit % attention.keyValueHeads
                    let slot = slots[row]
                    let position = cache.lengths[slot]
                    let own = qkv + row * width + out
                    let keys = cache.keys(layer: i, slot: slot) + head * attention.headDim
                    let values = cache.values(layer: i, slot: slot) + head * attention.headDim
                    (keys + position * cache.stride).update(from: own + head * attention.headDim, count: attention.headDim)
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

/// The packed form of a decode step.
public enum DecodeBatch {
    /// One row a slot, padded with repeats of the first to a multiple of 12, BLAS's kernel height: a row's place then
    /// depends on who is still generating, and so on tokens alone.
    public static func make(tokens: [Int32], positions: [Int]) throws -> PackedBatch {
        precondition(!tokens.isEmpty && tokens.count == positions.count)
        let rows = (tokens.count + 11) / 12 * 12
        let padding = rows - tokens.count
        return PackedBatch(
            rows: tokens + Array(repeating: tokens[0], count: padding),
            positions: (positions + Array(repeating: positions[0], count: padding)).map(Int32.init))
    }
}
