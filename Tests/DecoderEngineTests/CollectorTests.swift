import Attribution
import Checkpoint
import ModelFixtures
import Protocol
import Selection
import Tensors
import Testing

/// What a worker collects is what the statistic says it is.
@Suite struct CollectorTests {
    @Test(arguments: Statistics.all.map { $0.name }, [[], [1]]) func aStageCollectsWhatTheStatisticSays(
        _ name: String, cuts: [Int]
    ) throws {
        let fixture = try Fixture("llama")
        let config = fixture.source.config
        let statistic = try Statistics.named(name)
        let sequences = try fixture.sequences()
        let body = TaskBody.score(statistics: [statistic.request()], batches: [Batch(sequences: sequences)])
        let results = try LocalPipeline(fixture, cuts: cuts).run(body)
        let borders = [0] + cuts + [config.layerCount]
        for (stage, result) in results.enumerated() {
            let extent = StatisticExtent(layers: borders[stage]..<borders[stage + 1], examples: sequences.count)
            let expected = statistic.tensors(config, extent)
            #expect(result.entries.count == expected.count)
            for tensor in expected {
                let entry = try #require(result[tensor.name], "\(tensor.name)")
                #expect(entry.type == tensor.type && entry.shape == tensor.shape, "\(tensor.name)")
            }
        }
    }

    @Test func anUnknownStatisticFailsItsTaskWithItsName() throws {
        let fixture = try Fixture("llama")
        let body = TaskBody.score(
            statistics: [StatisticRequest(name: "mean_mood")], batches: [Batch(sequences: try fixture.sequences())])
        let error = SelectionError.unknownStatistic("mean_mood", known: Statistics.names)
        #expect(throws: error) { try LocalPipeline(fixture, cuts: []).run(body) }
        #expect("\(error)".contains("mean_mood"))
    }

    @Test func oneStatisticWithTwoSetsOfOptionsIsRefused() throws {
        let fixture = try Fixture("llama")
        let body = TaskBody.score(
            statistics: [.inputSquares, StatisticRequest(name: "input_squares", classes: 2)],
            batches: [Batch(sequences: try fixture.sequences())])
        #expect { try LocalPipeline(fixture, cuts: []).run(body) } throws: {
            "\($0)" == "a scoring task may ask for input_squares once only, with one set of options"
        }
    }
}
