public import Checkpoint
import Tensors

/// Keys and values of the sequences in a generation group, one slot a sequence, for one stage's layers.
public final class KeyValueCache {
    let capacity: Int
    let width: Int
    /// Per layer: [slots × capacity × 2·width], keys then values at each position.
    private var storage: [AlignedBuffer]
    /// Positions filled, per slot.
    public private(set) var lengths: [Int]

    /// - Parameter capacity: positions a slot can hold.
    public init(_ config: ModelConfig, layers: Int, slots: Int, capacity: Int) {
        self.capacity = capacity
        width = config.keyValueHeadCount * config.headDim
        let bytes = slots * capacity * ModelFootprint(config).cacheBytesPerToken
        storage = (0..<layers).map { _ in AlignedBuffer(byteCount: bytes, zeroed: false) }
        lengths = Array(repeating: 0, count: slots)
    }

    var stride: Int { 2 * width }

    func keys(layer: Int, slot: Int) -> UnsafeMutablePointer<Float> { storage[layer].p + slot * capacity * stride }

    func values(layer: Int, slot: Int) -> UnsafeMutablePointer<Float> { keys(layer: layer, slot: slot) + width }

    /// Stores one position's keys and values, side by side as in a qkv row.
    func store(_ keysAndValues: UnsafePointer<Float>, layer: Int, slot: Int, position: Int) {
        precondition(position < capacity, "position \(position) is past the cache's \(capacity)")
        (keys(layer: layer, slot: slot) + position * stride).update(from: keysAndValues, count: stride)
    }

    func setLength(_ length: Int, slot: Int) { lengths[slot] = length }
}
