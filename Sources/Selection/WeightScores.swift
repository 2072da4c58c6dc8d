import CKernels
public import Checkpoint
public import Tensors

#if canImport(Glibc)
    import Glibc
#endif

/// What a stage calls its statistics of a linear map.
public enum StatisticName {
    /// Σ_x abs(∇_W L(x)), F32 [d_out × d_in].
    public static func absoluteGradient(_ weight: String) -> String { "absolute_gradient." + weight }
    /// Σ x² over response positions, F64 [d_in].
    public static func inputSquares(_ weight: String) -> String { "input_squares." + weight }
}

/// Score finalisers: they combine a model's weights with folded statistics, one matrix at a time.
public enum WeightScores {
    /// Shapes of a model's linear maps, layer by layer.
    /// - Parameter layer: only this one's.
    public static func maps(of config: ModelConfig, layer: Int? = nil) -> [MapShape] {
        (layer.map { [$0] } ?? Array(0..<config.layerCount)).flatMap { layer in
            LinearMap.allCases.map { map in
                let shape = map.shape(in: config)
                return MapShape(name: map.weightName(layer: layer), rows: shape.rows, columns: shape.columns)
            }
        }
    }

    /// abs(W), a baseline.
    public static func magnitude(_ model: any WeightSource) -> ComputedScores {
        ComputedScores(label: "magnitude", maps: maps(of: model.config)) { map, scores in
            try read(model, map, into: scores)
            for index in scores.indices { scores[index] = abs(scores[index]) }
        }
    }

    /// Seeded uniform scores, a baseline; a weight's score depends on seed, name and index only.
    public static func random(maps: [MapShape], seed: UInt64) -> ComputedScores {
        ComputedScores(label: "random", maps: maps) { map, scores in
            let stream = RandomStream(seed: seed, name: "score/\(map.name)")
            for index in scores.indices { scores[index] = stream.float(index) }
        }
    }

    /// SNIP: E_x abs(W ⊙ ∇_W L(x)) = abs(W) ⊙ Σ_x abs(∇_W L(x)) / n (paper §3.1; Lee et al. 2019).
    /// - Parameters:
    ///   - folded: F32 [d_out × d_in] Σ_x abs(∇_W L(x)) per linear map, named as the workers name it.
    ///   - examples: n.
    ///   - layer: whose maps; all where nil.
    public static func snip(
        _ model: any WeightSource, folded: SafetensorsFile, examples: Int, layer: Int? = nil
    ) -> ComputedScores {
        ComputedScores(label: "snip", maps: maps(of: model.config, layer: layer)) { map, scores in
            try read(model, map, into: scores)
            let sums = try statistic(
                StatisticName.absoluteGradient(map.name), .f32, shape: [map.rows, map.columns], in: folded)
            let n = Float(examples)
            sums.withUnsafeBytes { bytes in
                for index in scores.indices {
                    let sum = bytes.loadUnaligned(fromByteOffset: index * 4, as: Float.self)
                    scores[index] = abs(scores[index]) * (sum / n)
                }
            }
        }
    }

    /// Wanda: abs(W_ij) · ‖X_j‖₂ over response positions (paper §3.1; Sun et al. 2024).
    /// - Parameter folded: F64 [d_in] Σ x² per linear map, named as the workers name it.
    public static func wanda(
        _ model: any WeightSource, folded: SafetensorsFile, layer: Int? = nil
    ) -> ComputedScores {
        ComputedScores(label: "wanda", maps: maps(of: model.config, layer: layer)) { map, scores in
            try read(model, map, into: scores)
            let sums = try statistic(StatisticName.inputSquares(map.name), .f64, shape: [map.columns], in: folded)
            let norms = sums.withUnsafeBytes { bytes in
                (0..<map.columns).map { Float(sqrt(bytes.loadUnaligned(fromByteOffset: $0 * 8, as: Double.self))) }
            }
            for row in 0..<map.rows {
                for column in 0..<map.columns {
                    let index = row * map.columns + column
                    scores[index] = abs(scores[index]) * norms[column]
                }
            }
        }
    }

    private static func read(_ model: any WeightSource, _ map: MapShape, into scores: UnsafeMutableBufferPointer<Float>)
        throws
    {
        guard let shape = model.shape(of: map.name) else {
            throw SelectionError.missing(map: map.name, source: "the model")
        }
        guard shape == [map.rows, map.columns] else {
            throw SelectionError.shape(map: map.name, expected: [map.rows, map.columns], found: shape)
        }
        guard let start = scores.baseAddress else { return }
        try model.read(map.name, rows: 0..<map.rows, into: start)
        let place = fl_first_not_finite(start, map.count)
        guard place == map.count else {
            throw SelectionError.weight(
                map: map.name, row: place / map.columns, column: place % map.columns, value: start[place])
        }
    }

    private static func statistic(
        _ name: String, _ type: ElementType, shape: [Int], in file: SafetensorsFile
    ) throws -> Statistic {
        guard let tensor = file.description(of: name) else {
            throw SelectionError.missing(map: name, source: file.path)
        }
        guard tensor.type == type, tensor.shape == shape else {
            throw SelectionError.shape(map: name, expected: shape, found: tensor.shape)
        }
        return Statistic(file: file, name: name)
    }

    private struct Statistic {
        let file: SafetensorsFile
        let name: String

        func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
            try file.withBytes(of: name, body)!
        }
    }
}
