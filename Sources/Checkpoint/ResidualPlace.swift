/// Where the residual stream is looked at.
public enum ResidualPlace: Hashable, Sendable, CustomStringConvertible {
    /// What comes into a decoder block.
    case input(Int)
    /// What comes out of the last block.
    case output
    /// What the final norm makes of that.
    case norm

    /// The places in a stage's layers, in the order of the model; the last layer comes with what follows it.
    public static func places(in layers: Range<Int>, of config: ModelConfig) -> [ResidualPlace] {
        let isLast = !layers.isEmpty && layers.upperBound == config.layerCount
        return layers.map { .input($0) } + (isLast ? [.output, .norm] : [])
    }

    /// As tensors are called.
    public var description: String {
        switch self {
        case .input(let layer): "input.\(layer)"
        case .output: "output"
        case .norm: "norm"
        }
    }
}
