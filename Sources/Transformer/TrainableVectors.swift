import Checkpoint
public import Tensors

/// The stage's norms and biases, named as in the checkpoint, for whoever trains them.
extension DecoderLayer {
    public var layerIndex: Int { index }

    /// (key, buffer, the checkpoint's vectors inside it).
    public var vectors: [(name: String, buffer: AlignedBuffer, parts: [(name: String, count: Int)])] {
        var all: [(name: String, buffer: AlignedBuffer, parts: [(name: String, count: Int)])] = norms.map {
            ($0.name, $0.weight, [($0.name, $0.size)])
        }
        for stack in FusedProjection.allCases {
            guard let buffer = biases[stack.rawValue] else { continue }
            let parts = stack.maps.map { ($0.biasName(layer: index), $0.shape(in: config).rows) }
            all.append((parts[0].0, buffer, parts))
        }
        return all
    }
}

extension Head {
    /// The final norm.
    public var normVector: (name: String, buffer: AlignedBuffer, parts: [(name: String, count: Int)]) {
        (norm.name, norm.weight, [(norm.name, norm.size)])
    }
}
