public import Checkpoint

/// A model of one tiny layer whose weights are a simple function of name and index: (hash of name + 31 · index) mod 17 − 8.
public final class MatrixModel: WeightSource {
    public let config: ModelConfig
    private let shapes: [String: [Int]]

    /// - Parameter shapes: the tensors it has; by default the linear maps of its configuration.
    public init(shapes: [String: [Int]]? = nil, layers: Int = 1) {
        config = ModelConfig(
            architecture: .llama, layerCount: layers, hiddenSize: 4, intermediateSize: 6, headCount: 2,
            keyValueHeadCount: 1, headDim: 2, vocabularySize: 64, normEpsilon: 1e-5, ropeTheta: 10_000,
            maxPositions: 128)
        var own: [String: [Int]] = [:]
        for layer in 0..<layers {
            for map in LinearMap.allCases {
                let shape = map.shape(in: config)
                own[map.weightName(layer: layer)] = [shape.rows, shape.columns]
            }
        }
        self.shapes = shapes ?? own
    }

    public static func value(_ name: String, _ index: Int) -> Float {
        let hash = name.utf8.reduce(0) { ($0 * 7 + Int($1)) % 1009 }
        return Float((hash + 31 * index) % 17 - 8)
    }

    public func shape(of name: String) -> [Int]? { shapes[name] }

    public func read(_ name: String, rows: Range<Int>, into destination: UnsafeMutablePointer<Float>) throws {
        let columns = shapes[name]![1]
        for index in 0..<rows.count * columns {
            destination[index] = Self.value(name, rows.lowerBound * columns + index)
        }
    }
}
