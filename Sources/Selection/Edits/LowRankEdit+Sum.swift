import Checkpoint
import Tensors

/// Sums of changes of few ranks.
extension LowRankEdit {
    /// One change that is added, and what it is multiplied by.
    public struct Term: Sendable {
        public var edit: LowRankEdit
        public var factor: Double

        public init(_ edit: LowRankEdit, factor: Double = 1) { (self.edit, self.factor) = (edit, factor) }
    }

    /// W + Σ factor · left · right. The ranks of all terms stand side by side, in the terms' order, so nothing is rounded but
    /// factor · left, once, to F32; a factor of 1 keeps the bits, and a term of factor 0 is left out.
    /// - Throws: `SelectionError.shape` where two terms change matrices of one name and two shapes; `.file` where factor · left
    ///   is no finite number.
    public init(sumOf terms: [Term], metadata: [String: String] = [:]) throws(SelectionError) {
        let used = terms.filter { $0.factor != 0 }
        var shapes: [WeightShape] = []
        for map in used.flatMap(\.edit.maps) {
            guard let known = shapes.first(where: { $0.name == map.shape.name }) else {
                shapes.append(map.shape)
                continue
            }
            try known.check(map.shape)
        }
        var maps: [Map] = []
        for shape in shapes { maps.append(try Self.sum(used, shape)) }
        self.init(maps: maps, metadata: metadata)
    }

    private static func sum(_ terms: [Term], _ shape: WeightShape) throws(SelectionError) -> Map {
        var parts: [(map: Map, factor: Double)] = []
        for term in terms { if let map = term.edit[shape.name] { parts.append((map, term.factor)) } }
        let rank = parts.reduce(0) { $0 + $1.map.rank }
        let left = AlignedBuffer(floats: shape.rows * rank, zeroed: false)
        let right = AlignedBuffer(floats: rank * shape.columns, zeroed: false)
        var first = 0
        for (map, factor) in parts {
            for row in 0..<shape.rows {
                for column in 0..<map.rank {
                    let value = map.left.floats[row * map.rank + column]
                    let product = factor == 1 ? value : Float(factor * Double(value))
                    guard product.isFinite else {
                        throw .file("a sum of changes", map: shape.name, fault: "overflows: choose a smaller factor")
                    }
                    left.floats[row * rank + first + column] = product
                }
            }
            let count = map.rank * shape.columns
            for index in 0..<count { right.floats[first * shape.columns + index] = map.right.floats[index] }
            first += map.rank
        }
        return Map(shape: shape, rank: rank, left: left, right: right)
    }
}
