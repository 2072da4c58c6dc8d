import CKernels
public import Checkpoint
import Tensors

/// What a stage calls its statistics; each statistic's file has its own.
public enum StatisticName {}

/// Score finalisers: they combine a model's weights with folded statistics, one matrix at a time.
public enum WeightScores {
    /// Shapes of a model's linear maps, layer by layer.
    /// - Parameter layer: only this one's.
    public static func maps(of config: ModelConfig, layer: Int? = nil) -> [WeightShape] {
        (layer.map { [$0] } ?? Array(0..<config.layerCount)).flatMap { layer in
            LinearMap.allCases.map { map in
                let shape = map.shape(in: config)
                return WeightShape(name: map.weightName(layer: layer), rows: shape.rows, columns: shape.columns)
            }
        }
    }

    /// The weights of a map, as they stand in the model.
    static func read(_ model: any WeightSource, _ map: WeightShape, into scores: UnsafeMutableBufferPointer<Float>)
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

    /// A statistic's tensor in a folded file.
    static func statistic(
        _ name: String, _ type: ElementType, shape: [Int], in file: SafetensorsFile
    ) throws -> FoldedTensor {
        guard let tensor = file.description(of: name) else {
            throw SelectionError.missing(map: name, source: file.path)
        }
        guard tensor.type == type, tensor.shape == shape else {
            throw SelectionError.shape(map: name, expected: shape, found: tensor.shape)
        }
        return FoldedTensor(file: file, name: name)
    }

    struct FoldedTensor {
        let file: SafetensorsFile
        let name: String

        func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
            try file.withBytes(of: name, body)!
        }
    }
}
