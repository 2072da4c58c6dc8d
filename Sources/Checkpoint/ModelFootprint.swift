/// Bytes that a model's parts take in a worker's memory. The stage that computes, the layout of a fleet and the prediction of
/// a study's memory all count with it.
package struct ModelFootprint: Sendable {
    private let config: ModelConfig

    package init(_ config: ModelConfig) { self.config = config }

    /// Rows of a tile of logits: a multiple of 12, small enough that [tile × vocabulary] stays near 100 MB.
    package static let logitRows = 192
    /// Prompt tokens per prefill step; a step admits at least one prompt.
    package static let prefillTokens = 2016

    /// The weight matrices of one decoder layer as f32.
    package var layerBytes: Int { 4 * config.layerWeightCount }

    /// The LM head's matrix as f32; the embedding's is as large.
    package var headBytes: Int { 4 * config.vocabularySize * config.hiddenSize }

    /// The weight matrices of some layers as f32, with the LM head's where the stage is the last.
    package func residentBytes(layers: Int, isLast: Bool) -> Int { layerBytes * layers + (isLast ? headBytes : 0) }

    /// The one buffer that matrices are widened into, one at a time, where they do not stay as f32: the largest of a stage.
    package func wideningBytes(isLast: Bool) -> Int {
        let qkv = (config.headCount + 2 * config.keyValueHeadCount) * config.headDim
        return 4 * config.hiddenSize * max(2 * config.intermediateSize, qkv, isLast ? config.vocabularySize : 0)
    }

    /// What one token leaves behind in one layer for the backward, beside the layer's input.
    package var activationBytesPerToken: Int {
        let q = config.headCount * config.headDim
        let qkv = q + 2 * config.keyValueHeadCount * config.headDim
        return 4 * (3 * config.hiddenSize + (config.queryKeyNorm ? 2 : 1) * qkv + q + 3 * config.intermediateSize)
    }

    /// The residual stream of one token.
    package var residualBytesPerToken: Int { 4 * config.hiddenSize }

    /// Keys and values of one position in one layer.
    package var cacheBytesPerToken: Int { 8 * config.keyValueHeadCount * config.headDim }

    /// The logits that are there at once, where the head is evaluated at so many rows.
    package func logitBytes(rows: Int) -> Int { 4 * min(Self.logitRows, rows) * config.vocabularySize }
}

/// How a stage shares out the memory it may use. It decides what is kept and what is made again, never a result.
package struct StageMemory: Sendable {
    package let footprint: ModelFootprint
    /// Weights as f32.
    package let residentBytes: Int
    /// Weights stay as f32; otherwise each matrix is widened from the checkpoint at each use.
    package let isResident: Bool
    /// What the resident weights leave.
    package let spareBytes: Int
    private let layerCount: Int
    private let isLast: Bool

    /// - Parameter memoryBytes: what weights, activations and statistics may take together.
    package init(_ config: ModelConfig, layers: Range<Int>, isLast: Bool, memoryBytes: Int) {
        footprint = ModelFootprint(config)
        layerCount = layers.count
        self.isLast = isLast
        residentBytes = footprint.residentBytes(layers: layers.count, isLast: isLast)
        isResident = residentBytes <= memoryBytes / 10 * 6
        spareBytes = max(0, memoryBytes - (isResident ? residentBytes : 0))
    }

    /// Weights in memory: all of them, or the buffer that each is widened into.
    package var weightBytes: Int { isResident ? residentBytes : footprint.wideningBytes(isLast: isLast) }

    /// Whether what runs forward alone has packed copies of the weights beside them: where they take at most half of
    /// what is spare.
    package var packsWeights: Bool { isResident && residentBytes <= spareBytes / 2 }

    /// Buffers of the pool that may lie idle: a batch's activations use at most half of what is spare
    /// (`keepsActivations`), and half of that may wait for the next batch.
    package var idleBytes: Int { max(64 << 20, spareBytes / 4) }

    /// What a backward is run for, and so what has to fit beside the activations.
    package enum Purpose: Sendable {
        /// Sums over the layers' weights, and those of the block before, which are being sent.
        case scoring
        /// Gradients and two moments of all weights.
        case training
        /// Those of matrices beside the weights, which are small.
        case lowRankTraining
    }

    /// Batches whose activations a stage holds at once: a batch that went forward waits until it comes back.
    package func batchesInFlight(stages: Int) -> Int { isLast ? 1 : stages + 1 }

    /// Whether a batch of `tokens` may keep its activations for the backward.
    /// - Parameter stages: of the pipeline.
    package func keepsActivations(tokens: Int, stages: Int, _ purpose: Purpose) -> Bool {
        let reserved =
            switch purpose {
            case .scoring: 2 * footprint.residentBytes(layers: layerCount, isLast: false)
            case .training: 3 * residentBytes
            case .lowRankTraining: 0
            }
        let bytes = tokens * footprint.activationBytesPerToken * layerCount * batchesInFlight(stages: stages)
        return bytes <= max(0, spareBytes - reserved) / 2
    }

    /// Bytes of the activations that a backward over batches of `tokens` holds: those of all layers, or the layers' inputs
    /// alone, and those of two layers at work.
    /// - Parameter stages: of the pipeline.
    package func backwardBytes(tokens: Int, stages: Int, _ purpose: Purpose) -> Int {
        let perToken =
            keepsActivations(tokens: tokens, stages: stages, purpose)
            ? footprint.activationBytesPerToken : footprint.residualBytesPerToken
        return tokens
            * (perToken * layerCount * batchesInFlight(stages: stages) + 2 * footprint.activationBytesPerToken)
    }
}
