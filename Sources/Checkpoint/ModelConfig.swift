/// Shape and hyper-parameters of a decoder, whatever file they came from.
public struct ModelConfig: Sendable, Equatable, Codable {
    public enum Architecture: String, Sendable, Codable, CaseIterable {
        case llama, mistral, qwen2, qwen3
    }

    /// How rotary frequencies are changed for long contexts.
    public enum RopeScaling: Sendable, Equatable, Codable {
        case none
        case linear(factor: Double)
        /// Stretched with the sequence beyond the trained positions; up to them the same as none. Longer sequences are
        /// refused (`Stage`).
        case dynamic(factor: Double)
        /// Llama 3.1's wavelength-dependent scaling.
        case llama3(factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalMaxPositions: Int)
        case yarn(
            factor: Double, originalMaxPositions: Int, betaFast: Double, betaSlow: Double, attentionFactor: Double)
        /// One divisor per frequency, as GGUF's `rope_freqs.weight` stores it [headDim / 2].
        case divisors([Float])
    }

    public var architecture: Architecture
    public var layerCount: Int
    /// d, the width of the residual stream.
    public var hiddenSize: Int
    /// Width of the MLP's hidden layer.
    public var intermediateSize: Int
    public var headCount: Int
    public var keyValueHeadCount: Int
    public var headDim: Int
    public var vocabularySize: Int
    public var normEpsilon: Float
    public var ropeTheta: Double
    public var ropeScaling: RopeScaling
    public var maxPositions: Int
    /// Biases on q, k, v (Qwen2; Llama with `attention_bias`).
    public var attentionInputBias: Bool
    /// Bias on o (Llama with `attention_bias`).
    public var attentionOutputBias: Bool
    /// Biases on gate, up, down (Llama with `mlp_bias`).
    public var mlpBias: Bool
    /// RMS norms over each head of q and k (Qwen3).
    public var queryKeyNorm: Bool
    /// The LM head is the embedding matrix.
    public var tiedEmbeddings: Bool
    /// Attention window in positions per layer; `nil` entries attend to everything before them.
    public var slidingWindows: [Int?]

    public init(
        architecture: Architecture, layerCount: Int, hiddenSize: Int, intermediateSize: Int, headCount: Int,
        keyValueHeadCount: Int, headDim: Int, vocabularySize: Int, normEpsilon: Float, ropeTheta: Double,
        ropeScaling: RopeScaling = .none, maxPositions: Int, attentionInputBias: Bool = false,
        attentionOutputBias: Bool = false, mlpBias: Bool = false, queryKeyNorm: Bool = false,
        tiedEmbeddings: Bool = false,
        slidingWindows: [Int?]? = nil
    ) {
        self.architecture = architecture
        self.layerCount = layerCount
        self.hiddenSize = hiddenSize
        self.intermediateSize = intermediateSize
        self.headCount = headCount
        self.keyValueHeadCount = keyValueHeadCount
        self.headDim = headDim
        self.vocabularySize = vocabularySize
        self.normEpsilon = normEpsilon
        self.ropeTheta = ropeTheta
        self.ropeScaling = ropeScaling
        self.maxPositions = maxPositions
        self.attentionInputBias = attentionInputBias
        self.attentionOutputBias = attentionOutputBias
        self.mlpBias = mlpBias
        self.queryKeyNorm = queryKeyNorm
        self.tiedEmbeddings = tiedEmbeddings
        self.slidingWindows = slidingWindows ?? Array(repeating: nil, count: layerCount)
    }
}
