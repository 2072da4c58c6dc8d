import Checkpoint
import ModelFixtures
import Protocol
import Selection
import Tensors
import Testing

/// Blocks whose linear maps are multiplied by a factor: as if the checkpoint held the products, and undone to the bit.
@Suite struct ScaledWeightsTests {
    /// A checkpoint with some of its weights multiplied.
    private final class Scaled: WeightSource {
        let base: any WeightSource
        let names: Set<String>
        let factor: Float
        var config: ModelConfig { base.config }

        init(_ base: any WeightSource, _ names: Set<String>, _ factor: Float) {
            (self.base, self.names, self.factor) = (base, names, factor)
        }

        func shape(of name: String) -> [Int]? { base.shape(of: name) }
        func read(_ name: String, rows: Range<Int>, into destination: UnsafeMutablePointer<Float>) throws {
            try base.read(name, rows: rows, into: destination)
            guard names.contains(name) else { return }
            for index in 0..<rows.count * shape(of: name)![1] { destination[index] *= factor }
        }
    }

    private func maps(_ config: ModelConfig, _ layer: Int) -> [WeightShape] {
        WeightScores.maps(of: config, layer: layer).filter { !$0.name.hasSuffix("o_proj.weight") }
    }

    private func values(_ pipeline: LocalPipeline, _ fixture: Fixture) throws -> [Float] {
        let body = TaskBody.likelihood(batches: [Batch(sequences: try fixture.sequences())])
        let result = TensorBundle(entries: try pipeline.run(body).flatMap(\.entries))
        return try #require(result["log_probability"]).buffer.floatArray()
    }

    @Test(arguments: Fixture.names, [1 << 30, 0]) func theyAreTheProducts(_ name: String, memoryBytes: Int) throws {
        let fixture = try Fixture(name)
        let maps = maps(fixture.source.config, 1)
        let edit = ScaledWeights(maps, by: 1.15)
        let pipeline = try LocalPipeline(fixture, cuts: [1], memoryBytes: memoryBytes)
        let before = try values(pipeline, fixture)
        try pipeline.apply(edit.bundle)
        let own = try values(pipeline, fixture)
        let products = Scaled(fixture.source, Set(maps.map(\.name)), 1.15)
        #expect(try own == values(LocalPipeline(products, cuts: []), fixture))
        #expect(own != before)
        try pipeline.apply(ScaledWeights(maps, by: 1).bundle)
        #expect(try values(pipeline, fixture) == before)
        try pipeline.apply(edit.bundle)
        try pipeline.apply(nil)
        #expect(try values(pipeline, fixture) == before)
    }

    @Test func itTravelsAndIsWrittenAsItIs() throws {
        let fixture = try Fixture("llama")
        let edit = ScaledWeights(maps(fixture.source.config, 0), by: 0.8, metadata: ["condition": "c"])
        let again = try ScaledWeights(bundle: edit.bundle, source: "s")
        #expect(again.maps == edit.maps && again.factor == 0.8 && again.metadata == ["condition": "c"])
        #expect(again.bundle.image().bytes() == edit.bundle.image().bytes())
        let rewrite = try edit.rewrite()
        var row = [Float](repeating: 2, count: fixture.source.config.hiddenSize)
        try row.withUnsafeMutableBufferPointer {
            try rewrite(LinearMap.q.weightName(layer: 1), 0..<1, $0.baseAddress!)
            try rewrite(LinearMap.q.weightName(layer: 0), 3..<4, $0.baseAddress!)
        }
        #expect(row.allSatisfy { $0 == 2 * Float(0.8) })
        #expect(ScaledWeights(edit.maps, by: 1).reasonForNoEffect(in: fixture.source) == "its factor is 1")
    }
}
