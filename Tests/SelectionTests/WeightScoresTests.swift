import Checkpoint
import Selection
import Tensors
import TestSupport
import Testing

@Suite struct WeightScoresTests {
    let model = MatrixModel(layers: 2)
    let folder = TemporaryFolder()

    @Test func coversEveryLinearMapInOrder() {
        let maps = WeightScores.maps(of: model.config)
        #expect(maps.count == 14)
        #expect(maps[0] == WeightShape(name: "model.layers.0.self_attn.q_proj.weight", rows: 4, columns: 4))
        #expect(maps[13] == WeightShape(name: "model.layers.1.mlp.down_proj.weight", rows: 4, columns: 6))
    }

    @Test func magnitude() throws {
        let source = WeightScores.magnitude(model)
        for map in source.maps {
            let found = try source.withScores(of: map) { Array($0) }
            #expect(found == (0..<map.count).map { abs(MatrixModel.value(map.name, $0)) })
        }
    }

    @Test func randomDependsOnSeedAndNameOnly() throws {
        let maps = WeightScores.maps(of: model.config)
        let read = { (seed: UInt64, maps: [WeightShape], map: WeightShape) in
            try WeightScores.random(maps: maps, seed: seed).withScores(of: map) { Array($0) }
        }
        #expect(try read(1, maps, maps[3]) == read(1, Array(maps.reversed()), maps[3]))
        #expect(try read(1, maps, maps[3]) != read(2, maps, maps[3]))
        #expect(try read(1, maps, maps[0]) != read(1, maps, maps[3]))
    }

    /// Statistics as the workers name and shape them.
    private func folded(
        _ name: (String) -> String, type: ElementType, shape: (WeightShape) -> [Int], value: (Int) -> Double
    ) throws -> SafetensorsFile {
        let entries = WeightScores.maps(of: model.config).map { map in
            let shape = shape(map)
            let count = shape.reduce(1, *)
            let buffer = AlignedBuffer(byteCount: count * type.byteCount)
            for index in 0..<count {
                if type == .f64 {
                    buffer.bytes.storeBytes(of: value(index), toByteOffset: index * 8, as: Double.self)
                } else {
                    buffer.floats[index] = Float(value(index))
                }
            }
            return TensorBundle.Entry(name: name(map.name), type: type, shape: shape, buffer: buffer)
        }
        let path = folder.file("folded.safetensors")
        try TensorBundle(entries: entries).write(safetensors: path)
        return try SafetensorsFile(path: path)
    }

    @Test func snipMultipliesTheMeanGradient() throws {
        let file = try folded(StatisticName.absoluteGradient, type: .f32, shape: { [$0.rows, $0.columns] }) {
            Double($0) * 0.5
        }
        let source = WeightScores.snip(model, folded: file, examples: 4)
        for map in source.maps {
            let expected = (0..<map.count).map { abs(MatrixModel.value(map.name, $0)) * Float($0) * 0.125 }
            #expect(try source.withScores(of: map) { Array($0) } == expected)
        }
    }

    @Test func wandaMultipliesTheInputNorm() throws {
        let file = try folded(StatisticName.inputSquares, type: .f64, shape: { [$0.columns] }) {
            Double(($0 + 1) * ($0 + 1))
        }
        let source = WeightScores.wanda(model, folded: file)
        for map in source.maps {
            let expected = (0..<map.count).map { abs(MatrixModel.value(map.name, $0)) * Float($0 % map.columns + 1) }
            #expect(try source.withScores(of: map) { Array($0) } == expected)
        }
    }

    @Test func refusesStatisticsOfAnotherModel() throws {
        let file = try folded(StatisticName.inputSquares, type: .f64, shape: { _ in [5] }) { _ in 1 }
        let source = WeightScores.wanda(model, folded: file)
        let name = StatisticName.inputSquares(source.maps[0].name)
        #expect(throws: SelectionError.shape(map: name, expected: [4], found: [5])) {
            try source.withScores(of: source.maps[0]) { _ in }
        }
        let snip = WeightScores.snip(model, folded: file, examples: 1)
        #expect(
            throws: SelectionError.missing(map: StatisticName.absoluteGradient(source.maps[0].name), source: file.path)
        ) {
            try snip.withScores(of: source.maps[0]) { _ in }
        }
    }
}
