/// Name and shape [rows × columns] of one scored weight matrix.
public struct WeightShape: Sendable, Hashable, Codable {
    /// The weight's name in the checkpoint (`model.layers.3.mlp.down_proj.weight`).
    public var name: String
    public var rows: Int
    public var columns: Int
    public var count: Int { rows * columns }

    public init(name: String, rows: Int, columns: Int) {
        self.name = name
        self.rows = rows
        self.columns = columns
    }
}

/// Scores of many weight matrices, seen one at a time.
public protocol ScoreSource {
    /// What the scores are called in error messages (a path).
    var label: String { get }
    /// In the order that breaks ties across matrices.
    var maps: [WeightShape] { get }
    /// Calls `body` with the scores [rows × columns] of one of `maps`.
    /// - Throws: `SelectionError` where the source has no such matrix, or cannot make its scores; what `body` throws.
    func withScores<R>(of map: WeightShape, _ body: (UnsafeBufferPointer<Float>) throws -> R) throws -> R
}

/// Scores held in memory or made on demand, one matrix at a time.
public struct ComputedScores: ScoreSource {
    public let label: String
    public let maps: [WeightShape]
    private let fill: (WeightShape, UnsafeMutableBufferPointer<Float>) throws -> Void

    /// - Parameter fill: writes every score of a map.
    public init(
        label: String, maps: [WeightShape],
        fill: @escaping (WeightShape, UnsafeMutableBufferPointer<Float>) throws -> Void
    ) {
        self.label = label
        self.maps = maps
        self.fill = fill
    }

    /// Makes the scores [rows × columns] of one matrix and calls `body` with them.
    /// - Throws: what `fill` and `body` throw.
    public func withScores<R>(of map: WeightShape, _ body: (UnsafeBufferPointer<Float>) throws -> R) throws -> R {
        let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: map.count)
        defer { buffer.deallocate() }
        buffer.initialize(repeating: 0)
        try fill(map, buffer)
        return try body(UnsafeBufferPointer(buffer))
    }
}
