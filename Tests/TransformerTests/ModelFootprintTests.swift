import Checkpoint
import Linalg
import ModelFixtures
import Protocol
import Tensors
import Testing
import Transformer

/// What memory is planned with is what a stage holds.
@Suite struct ModelFootprintTests {
    @Test(arguments: Fixture.names) func weightsTakeWhatTheFootprintSays(_ name: String) throws {
        let source = try Fixture(name).source
        let footprint = ModelFootprint(source.config)
        for (layers, isLast) in [(0..<1, false), (0..<source.config.layerCount, true)] {
            let stage = try Stage(
                source: source, layers: layers, first: false, last: isLast, pool: ThreadPool(threads: 1))
            let matrices = stage.layers.flatMap(\.stacks) + (stage.head.map { [$0.matrix] } ?? [])
            let bytes = matrices.map { $0.resident?.byteCount ?? 0 }
            #expect(bytes.reduce(0, +) == footprint.residentBytes(layers: layers.count, isLast: isLast))
            #expect(bytes.max() == footprint.wideningBytes(isLast: isLast))
        }
    }

    @Test(arguments: Fixture.names) func activationsTakeWhatTheFootprintSays(_ name: String) throws {
        let fixture = try Fixture(name)
        let footprint = ModelFootprint(fixture.source.config)
        let stage = try fixture.stage()
        let batch = try fixture.packed(try fixture.sequences())
        let x = try stage.embedding!.rows(batch.tokens)
        let (_, activations) = try stage.layers[0].forward(x, batch: batch)
        #expect(activations.byteCount == batch.rowCount * footprint.activationBytesPerToken)
        #expect(x.byteCount == batch.rowCount * footprint.residualBytesPerToken)
    }

    /// 60 % of the memory is for weights; of the rest a half is for activations that are kept.
    @Test func aStageKeepsWhatFits() throws {
        let config = try Fixture(Fixture.names[0]).source.config
        let layers = 0..<config.layerCount
        let bytes = ModelFootprint(config).residentBytes(layers: layers.count, isLast: true)
        let border = (bytes + 5) / 6 * 10
        let fits = StageMemory(config, layers: layers, isLast: true, memoryBytes: border)
        #expect(fits.isResident)
        #expect(fits.spareBytes == border - bytes)
        let small = StageMemory(config, layers: layers, isLast: true, memoryBytes: border - 10)
        #expect(!small.isResident)
        #expect(small.spareBytes == border - 10)
        #expect(small.weightBytes < fits.weightBytes)
        let large = StageMemory(config, layers: layers, isLast: true, memoryBytes: 100 * bytes)
        #expect(!fits.packsWeights && !small.packsWeights && large.packsWeights)
        #expect(StageMemory(config, layers: layers, isLast: true, memoryBytes: 3 * bytes).packsWeights)
        #expect(!StageMemory(config, layers: layers, isLast: true, memoryBytes: 3 * bytes - 1).packsWeights)
        let most =
            (large.spareBytes - 3 * bytes) / 2
            / (ModelFootprint(config).activationBytesPerToken * config.layerCount)
        #expect(large.keepsActivations(tokens: most, stages: 1, .training))
        #expect(!large.keepsActivations(tokens: most + 1, stages: 1, .training))
        #expect(large.keepsActivations(tokens: most + 1, stages: 1, .scoring))
    }
}
