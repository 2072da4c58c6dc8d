public import Checkpoint

/// Chosen weights of the linear maps, one bit a weight. Only what freezes weights may choose norms and biases as well, each
/// as a matrix of one row.
public struct Mask: Sendable, Equatable {
    /// The chosen weights of one matrix.
    public struct Map: Sendable, Equatable {
        public let shape: WeightShape
        /// Bit r · columns + c stands for weight [r, c].
        public let bits: BitSet

        public init(shape: WeightShape, bits: BitSet) {
            precondition(bits.size == shape.count, "\(shape.name): \(bits.size) bits for \(shape.count) weights")
            self.shape = shape
            self.bits = bits
        }
    }

    public var maps: [Map]
    /// Where the mask comes from; free text.
    public var metadata: [String: String]

    public init(maps: [Map], metadata: [String: String] = [:]) {
        self.maps = maps
        self.metadata = metadata
    }

    public subscript(name: String) -> Map? { maps.first { $0.shape.name == name } }

    /// Number of chosen weights.
    public var count: Int { maps.reduce(0) { $0 + $1.bits.count } }
    /// Number of weights in the masked matrices.
    public var size: Int { maps.reduce(0) { $0 + $1.shape.count } }
    /// Chosen weights as a fraction of those matrices' weights.
    public var sparsity: Double { size == 0 ? 0 : Double(count) / Double(size) }

    /// - Throws: `SelectionError.missing` or `.shape` where the masks do not cover the same matrices.
    public func union(_ other: Mask) throws(SelectionError) -> Mask { try combined(other) { $0.union($1) } }
    /// The weights that both masks choose.
    /// - Throws: as `union`.
    public func intersection(_ other: Mask) throws(SelectionError) -> Mask {
        try combined(other) { $0.intersection($1) }
    }
    /// The weights that this mask chooses and the other does not.
    /// - Throws: as `union`.
    public func subtracting(_ other: Mask) throws(SelectionError) -> Mask { try combined(other) { $0.subtracting($1) } }

    private func combined(_ other: Mask, _ operation: (BitSet, BitSet) -> BitSet) throws(SelectionError) -> Mask {
        let theirs = Dictionary(other.maps.map { ($0.shape.name, $0) }) { first, _ in first }
        for map in other.maps where self[map.shape.name] == nil {
            throw .missing(map: map.shape.name, source: "the first mask")
        }
        var result: [Map] = []
        for map in maps {
            guard let second = theirs[map.shape.name] else {
                throw .missing(map: map.shape.name, source: "the second mask")
            }
            try map.shape.check(second.shape)
            result.append(Map(shape: map.shape, bits: operation(map.bits, second.bits)))
        }
        return Mask(maps: result)
    }

    /// Checks that every masked matrix is a weight of this model, in this shape.
    /// - Throws: `SelectionError`.
    public func check(against model: any WeightSource, named source: String) throws(SelectionError) {
        for map in maps {
            guard let shape = model.shape(of: map.shape.name) else {
                throw .missing(map: map.shape.name, source: source)
            }
            let own = [map.shape.rows, map.shape.columns]
            guard shape == own || shape.count == 1 && own == [1, shape[0]] else {
                throw .shape(map: "\(source): \(map.shape.name)", expected: shape, found: own)
            }
        }
    }
}
