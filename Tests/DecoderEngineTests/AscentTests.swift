import Checkpoint
import DecoderEngine
import ModelFixtures
import Protocol
import Tensors
import Testing

/// Gradient ascent is the descent's update with its sign turned: a learning rate below 0, without weight decay.
@Suite struct AscentTests {
    private func train(_ fixture: Fixture, rate: Float, steps count: Int, cuts: [Int]) throws -> (
        losses: [Float], weights: [String: [Float]]
    ) {
        let step = [Batch(sequences: try fixture.sequences())]
        let pipeline = try LocalPipeline(fixture, cuts: cuts)
        let results = try pipeline.run(
            .train(
                .init(
                    steps: Array(repeating: step, count: count), firstStep: 0, parameters: .all, learningRate: rate)))
        let losses = try #require(results.flatMap(\.entries).first { $0.name == ResultName.losses })
        let weights = try pipeline.run(.export).flatMap(\.entries).map { ($0.name, $0.buffer.floatArray()) }
        return (losses.buffer.floatArray(), Dictionary(weights) { first, _ in first })
    }

    @Test(arguments: ["llama", "qwen2"]) func aStepUpIsAStepDownTurnedAround(_ name: String) throws {
        let fixture = try Fixture(name)
        let up = try train(fixture, rate: -1e-3, steps: 1, cuts: [1]).weights
        let down = try train(fixture, rate: 1e-3, steps: 1, cuts: []).weights
        var moved = 0
        for (name, values) in up {
            let shape = try #require(fixture.source.shape(of: name))
            let own = AlignedBuffer(floats: values.count)
            try fixture.source.read(name, rows: 0..<shape[0], into: own.floats.baseAddress!)
            let other = try #require(down[name])
            for index in values.indices {
                // θ + e and θ − e, each rounded.
                let sum = Double(values[index]) + Double(other[index]) - 2 * Double(own.floats[index])
                #expect(abs(sum) < 1e-6)
                if values[index] != own.floats[index] { moved += 1 }
            }
        }
        #expect(moved > 1000)
    }

    @Test func theLossRises() throws {
        let fixture = try Fixture("llama")
        let up = try train(fixture, rate: -1e-3, steps: 4, cuts: [1]).losses
        let down = try train(fixture, rate: 1e-3, steps: 4, cuts: [1]).losses
        #expect(up[0] == down[0])
        #expect(zip(up, up.dropFirst()).allSatisfy { $0 < $1 })
        #expect(zip(down, down.dropFirst()).allSatisfy { $0 > $1 })
    }
}
