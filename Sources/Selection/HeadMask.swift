public import Checkpoint

/// Removal of whole attention heads.
public enum HeadMask {
    /// The columns of the output projections that read these heads: with them zero, nothing of a head's output goes on.
    ///
    /// Under grouped queries several query heads share keys and values, which the others still need; the output projection
    /// has columns of every query head's own. (The published code zeroes columns of q, k, v and rows of o instead.)
    /// - Parameter heads: flat indices, layer · heads + head.
    /// - Throws: `SelectionError.tooMany` where an index is beyond the model's heads.
    public static func mask(of heads: some Collection<Int>, in config: ModelConfig) throws(SelectionError) -> Mask {
        let total = config.layerCount * config.headCount
        let shape = LinearMap.o.shape(in: config)
        var bits = Array(repeating: BitSet(size: shape.rows * shape.columns), count: config.layerCount)
        for index in heads {
            guard (0..<total).contains(index) else {
                throw .tooMany(map: "attention heads", wanted: index + 1, available: total)
            }
            let first = index % config.headCount * config.headDim
            for row in 0..<shape.rows {
                for column in first..<first + config.headDim {
                    bits[index / config.headCount][row * shape.columns + column] = true
                }
            }
        }
        return Mask(
            maps: bits.enumerated().map { layer, bits in
                Mask.Map(
                    shape: WeightShape(
                        name: LinearMap.o.weightName(layer: layer), rows: shape.rows, columns: shape.columns),
                    bits: bits)
            })
    }
}
