package import Checkpoint
import Selection

/// Floating-point operations of a model's work: 2 a weight and token forward, 2 for δX, 2 for ∇W.
package struct ModelCost: Sendable {
    /// Weights of all linear maps, and of the head.
    package let linear: Double
    package let head: Double
    /// f64 operations that a response position adds to the second moments.
    let momentsPerToken: Double
    /// f64 operations to find all subspaces: eigenvectors, about 9 n³ a map of rank n, and a product of n × n × its longer side.
    let subspaces: Double
    /// Reading another checkpoint's weights and adding them, as FLOP of a forward pass that take as long: 4 s of SmolLM2's
    /// 135 million, where that pass does 160 GFLOP/s.
    package let rewriting: Double

    package init(_ config: ModelConfig) {
        let maps = WeightScores.maps(of: config)
        linear = Double(maps.reduce(0) { $0 + $1.count })
        head = Double(config.vocabularySize) * Double(config.hiddenSize)
        momentsPerToken = (0..<config.layerCount).reduce(0) { sum, layer in
            sum
                + SecondMoments.places(of: config, layer: layer).reduce(0) {
                    $0 + Double($1.dimension) * Double($1.dimension)
                }
        }
        rewriting = 5_000 * Double(config.parameterCount)
        subspaces = maps.reduce(0) { sum, map in
            let (n, wide) = (Double(map.rank), Double(max(map.rows, map.columns)))
            return sum + 9 * n * n * n + 2 * n * n * wide
        }
    }

    /// - Parameter scored: positions at which the head is evaluated.
    package func forward(tokens: Int, scored: Int) -> Double {
        2 * linear * Double(tokens) + 2 * head * Double(scored)
    }

    /// Without those of the linear maps' own weights.
    package func inputGradients(tokens: Int, scored: Int) -> Double {
        4 * linear * Double(tokens) + 4 * head * Double(scored)
    }

    package func gradients(tokens: Int, scored: Int) -> Double {
        6 * linear * Double(tokens) + 4 * head * Double(scored)
    }

    /// One token more for each of so many rows.
    package func decode(rows: Int) -> Double { 2 * (linear + head) * Double(rows) }
}
