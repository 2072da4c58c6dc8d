#if canImport(Glibc)
    import Glibc
#endif

/// YaRN's recommended factor on cosines and sines (Peng et al. 2023, equation 22).
func yarnAttentionFactor(_ factor: Double) -> Double { factor <= 1 ? 1 : 0.1 * log(factor) + 1 }

extension ModelConfig {
    /// The token embedding [vocabulary × hidden size].
    public static let embeddingName = "model.embed_tokens.weight"
    /// The head [vocabulary × hidden size], where it is a matrix of its own.
    public static let headName = "lm_head.weight"

    /// Name and shape of every tensor a checkpoint of this model must have, under Hugging Face names.
    public var tensorShapes: [(name: String, shape: [Int])] {
        var shapes: [(String, [Int])] = [(Self.embeddingName, [vocabularySize, hiddenSize])]
        for layer in 0..<layerCount {
            let prefix = "model.layers.\(layer)"
            shapes.append(("\(prefix).input_layernorm.weight", [hiddenSize]))
            for map in LinearMap.allCases {
                let (rows, columns) = map.shape(in: self)
                shapes.append((map.weightName(layer: layer), [rows, columns]))
                if hasBias(map) { shapes.append((map.biasName(layer: layer), [rows])) }
            }
            if queryKeyNorm {
                shapes.append(("\(prefix).self_attn.q_norm.weight", [headDim]))
                shapes.append(("\(prefix).self_attn.k_norm.weight", [headDim]))
            }
            shapes.append(("\(prefix).post_attention_layernorm.weight", [hiddenSize]))
        }
        shapes.append(("model.norm.weight", [hiddenSize]))
        if !tiedEmbeddings { shapes.append((Self.headName, [vocabularySize, hiddenSize])) }
        return shapes
    }

    public func hasBias(_ map: LinearMap) -> Bool {
        switch map {
        case .q, .k, .v: attentionInputBias
        case .o: attentionOutputBias
        case .gate, .up, .down: mlpBias
        }
    }

    /// The configuration itself, with one window entry a layer, if its numbers make a model.
    /// - Throws: `CheckpointError` naming the first number that does not.
    func validated(file: String) throws(CheckpointError) -> ModelConfig {
        func refuse(_ fault: String) -> CheckpointError { CheckpointError(.malformed, file: file, fault) }
        // Far above any model there is; far below where products of two of them overflow.
        let sizes = [
            ("layers", layerCount, 10_000), ("hidden size", hiddenSize, 1 << 20),
            ("MLP width", intermediateSize, 1 << 24),
            ("attention heads", headCount, 1 << 14), ("key-value heads", keyValueHeadCount, 1 << 14),
            ("head size", headDim, 1 << 14), ("vocabulary size", vocabularySize, 1 << 26),
            ("positions", maxPositions, 1 << 40),
        ]
        for (name, size, limit) in sizes where size < 1 || size > limit {
            throw refuse("\(name): \(size) is not between 1 and \(limit)")
        }
        guard headCount % keyValueHeadCount == 0 else {
            throw refuse("\(headCount) attention heads cannot share \(keyValueHeadCount) key-value heads evenly")
        }
        guard headDim % 2 == 0 else { throw refuse("head size \(headDim) is odd: rotary embeddings need pairs") }
        guard normEpsilon >= 0, normEpsilon < 1 else { throw refuse("RMS norm epsilon \(normEpsilon)") }
        guard ropeTheta > 0, ropeTheta.isFinite else { throw refuse("rope theta \(ropeTheta)") }
        if case .divisors(let divisors) = ropeScaling {
            guard divisors.count == headDim / 2, divisors.allSatisfy({ $0.isFinite && $0 > 0 }) else {
                throw refuse("rope_freqs.weight: expected \(headDim / 2) positive divisors, found \(divisors.count)")
            }
        }
        var result = self
        if slidingWindows.isEmpty { result.slidingWindows = Array(repeating: nil, count: layerCount) }
        guard result.slidingWindows.count == layerCount, result.slidingWindows.allSatisfy({ ($0 ?? 1) > 0 }) else {
            throw refuse("sliding windows do not fit \(layerCount) layers")
        }
        return result
    }
}
