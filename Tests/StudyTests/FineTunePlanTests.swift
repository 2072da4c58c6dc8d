import Coordinator
import Protocol
import Testing

@Suite struct FineTunePlanTests {
    private let groups = (0..<7).map {
        SequenceGroup(name: "\($0)", sequences: [.init(tokens: [Int32($0), 9], scoredFrom: 1)])
    }

    private func plan(steps: Int, batch: Int, seed: UInt64 = 1, limit: Int = 100) throws -> TaskBody.Training {
        try FineTunePlan.training(
            groups,
            settings: .init(
                pairs: "", samples: nil, steps: steps, batch: batch, learningRate: 1e-3, parameters: .linear,
                freeze: nil),
            seed: seed, name: "x", batchTokens: limit)
    }

    private func examples(_ training: TaskBody.Training) -> [[Int32]] {
        training.steps.map { $0.flatMap(\.sequences).map { $0.tokens[0] } }
    }

    @Test func everyPassSeesEveryExampleOnce() throws {
        let steps = try examples(plan(steps: 7, batch: 3))
        #expect(steps.allSatisfy { $0.count == 3 })
        let row = steps.flatMap { $0 }
        for pass in 0..<3 { #expect(Set(row[pass * 7..<pass * 7 + 7]) == Set(0..<7)) }
        #expect(Array(row[0..<7]) != Array(row[7..<14]))
    }

    @Test func isAFunctionOfTheSeed() throws {
        #expect(try plan(steps: 3, batch: 4) == plan(steps: 3, batch: 4))
        #expect(try plan(steps: 3, batch: 4) != plan(steps: 3, batch: 4, seed: 2))
    }

    @Test func largeStepsAreCutIntoMicroBatches() throws {
        let training = try plan(steps: 1, batch: 5, limit: 4)
        #expect(training.steps[0].map(\.sequences.count) == [2, 2, 1])
        #expect(training.parameters == .linear)
        #expect(training.firstStep == 0)
    }
}
