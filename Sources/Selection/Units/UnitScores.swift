public import Checkpoint
public import Tensors

/// How much each unit of a model matters to a data set (arXiv 2410.10862, section 3): I_j = variance of input channel j over
/// tokens × ‖column j of the projection‖². A unit of several channels has the sum of theirs (ours; the paper is silent).
public struct UnitScores: Sendable, Equatable {
    /// For every module of the layout, its units.
    public var values: [[Double]]

    public init(values: [[Double]]) { self.values = values }

    /// - Parameters:
    ///   - statistic: a file of `UnitVariance`: `variance.LABEL.WEIGHT`, F64 [d_in].
    ///   - label: of the class of examples.
    ///   - norms: of the same model.
    /// - Throws: `SelectionError.missing`, `.shape`, or `.file` where a variance is no finite number.
    public init(
        _ statistic: TensorBundle, of label: String, norms: UnitNorms, in layout: UnitLayout
    ) throws(SelectionError) {
        values = []
        for (module, squares) in zip(layout.modules, norms.squares) {
            let name = "variance.\(label).\(module.weight)"
            guard let entry = statistic[name] else {
                throw .missing(map: name, source: "the statistic \(UnitVariance.name)")
            }
            guard entry.type == .f64, entry.shape == [squares.count] else {
                throw .shape(map: name, expected: [squares.count], found: entry.shape)
            }
            let variances = entry.buffer.doubleArray()
            guard variances.allSatisfy(\.isFinite) else {
                throw .file("the statistic \(UnitVariance.name)", map: name, fault: "holds no finite number")
            }
            var units: [Double] = []
            for unit in 0..<module.count {
                var score = 0.0
                for channel in unit * module.width..<(unit + 1) * module.width {
                    score += variances[channel] * squares[channel]
                }
                units.append(score)
            }
            values.append(units)
        }
    }

    /// How scores of two data sets, and of different modules, are made comparable. The paper is silent.
    public enum Normalization: String, Sendable, Codable, CaseIterable {
        /// As they are.
        case raw
        /// In every module less their mean, over their standard deviation (that of N − 1); 0 where they are all alike.
        case zscore
    }

    func normalized(_ normalization: Normalization) -> [[Double]] {
        guard normalization == .zscore else { return values }
        return values.map { units in
            let mean = units.reduce(0, +) / Double(units.count)
            let squares = units.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            guard units.count > 1, squares > 0 else { return units.map { _ in 0 } }
            let deviation = (squares / Double(units.count - 1)).squareRoot()
            return units.map { ($0 - mean) / deviation }
        }
    }
}

/// Σ_i W_ij² of every input channel j of the projections whose channels are units, in F64.
public struct UnitNorms: Sendable {
    /// For every module of a layout, its channels.
    public let squares: [[Double]]

    /// - Throws: `SelectionError` where the model lacks a projection or has it in another shape; `CheckpointError` where it
    ///   cannot be read.
    public init(_ model: any WeightSource, _ layout: UnitLayout) throws {
        squares = try layout.modules.map { module in
            let shape = module.map.shape(in: model.config)
            let map = WeightShape(name: module.weight, rows: shape.rows, columns: shape.columns)
            let weights = UnsafeMutableBufferPointer<Float>.allocate(capacity: map.count)
            defer { weights.deallocate() }
            weights.initialize(repeating: 0)
            try WeightScores.read(model, map, into: weights)
            var sums = [Double](repeating: 0, count: map.columns)
            for row in 0..<map.rows {
                for column in 0..<map.columns {
                    let weight = Double(weights[row * map.columns + column])
                    sums[column] += weight * weight
                }
            }
            return sums
        }
    }
}
