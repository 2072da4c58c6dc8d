import Checkpoint
import Experiment
import Planning
import Protocol
import Scheduling
import Selection
import StudyFile
import StudySupport
import TestSupport
import Testing

/// The fleet's layout and the prediction count memory as a stage does.
@Suite struct MemoryPredictionTests {
    private let files = TemporaryFolder()
    private let config: ModelConfig
    private let schedule: StudySchedule

    init() throws {
        files.write("harm a\nharm b\nharm c\n", to: "harmful.txt")
        var config = LongModel(MatrixModel(layers: 2)).config
        schedule = try StudySchedule(
            try Study(
                yaml: "{model: m, conditions: [unedited], evaluation: {harmful: harmful.txt, max_new_tokens: 20}}",
                file: files.file("s.yaml")), config: config, codec: ByteCodec())
        (config.layerCount, config.hiddenSize, config.intermediateSize) = (8, 512, 1024)
        (config.headCount, config.headDim, config.vocabularySize) = (8, 64, 10_000)
        self.config = config
    }

    /// Bytes of the one phase that there is.
    private func bytes(_ step: Work.Step, memoryBytes: Int = 1 << 40) throws -> Int {
        let phases = MemoryPrediction(
            schedule, config: config, workers: .init(count: 1, threads: 1, memoryBytes: memoryBytes), fileBytes: 0,
            work: Work([step])
        ).phases()
        #expect(phases.count == 1)
        return try #require(phases.first).bytes
    }

    private var likelihoods: Work.Step { Work.Step("likelihoods", .forward, [Work.Task(tokens: 100, scored: 10)]) }

    @Test func weightsStayInMemoryWhereAStageKeepsThem() throws {
        let bytes = ModelFootprint(config).residentBytes(layers: 8, isLast: true)
        let border = (bytes + 5) / 6 * 10
        func weights(_ memoryBytes: Int) -> Int {
            StageMemory(config, layers: 0..<8, isLast: true, memoryBytes: memoryBytes).weightBytes
        }
        let difference =
            try self.bytes(likelihoods, memoryBytes: border) - self.bytes(likelihoods, memoryBytes: border - 10)
        #expect(difference == weights(border) - weights(border - 10))
        #expect(difference > 0)
        let layout = ModelPlan(config, copies: 1)
        #expect(layout.layerBytes.reduce(0, +) + layout.headBytes == bytes)
    }

    /// Head outputs are a row for each prompt of a block, on every stage.
    @Test func rowsForEachExampleAreCounted() throws {
        let block = [Batch(sequences: (0..<500).map { _ in TokenSequence(tokens: [1, 2], scoredFrom: 2) })]
        var collecting = likelihoods
        collecting.collected = Work.Collected(HeadOutput(), blocks: [block])
        #expect(try bytes(collecting) - bytes(likelihoods) == 4 * 500 * 8 * 64 * 8)
        // Of two blocks one is on its way while the next is collected.
        collecting.tasks.append(Work.Task())
        #expect(try bytes(collecting) - bytes(likelihoods) == 2 * 4 * 500 * 8 * 64 * 8)
        collecting.isKnown = true
        var known = Work([collecting, likelihoods])
        known.steps[0].isKnown = true
        #expect(
            MemoryPrediction(
                schedule, config: config, workers: .init(count: 1, threads: 1, memoryBytes: 1 << 40), fileBytes: 0,
                work: known
            ).peak == (try bytes(likelihoods)))
    }

    @Test func rowsForEachExampleHaveRoomInTheFleet() {
        func copies(_ examples: Int) -> Double {
            ModelPlan.Copies.statistics([HeadOutput()], config, examples: examples, classes: 1)
        }
        let weights = ModelFootprint(config).layerBytes * config.layerCount
        let row = HeadOutput().byteCount(config)
        #expect(copies(weights / row / 250) == ModelPlan.Copies.reading)
        // Once while they are collected, once while they are sent.
        #expect(abs(copies(5 * weights / row) - ModelPlan.Copies.reading - 10) < 0.2)
    }
}
