import Experiment
import Protocol
import StudyFile
import Testing

@Suite struct FineTuneStepsTests {
    private let groups = (0..<7).map {
        SequenceGroup(name: "\($0)", sequences: [.init(tokens: [Int32($0), 9], scoredFrom: 1)])
    }

    private func plan(steps: Int, batch: Int, seed: UInt64 = 1, limit: Int = 100) throws -> TaskBody.Training {
        try plan(.steps(steps), batch: batch, seed: seed, limit: limit)
    }

    private func plan(
        _ length: Study.FineTune.Length, batch: Int, seed: UInt64 = 1, limit: Int = 100
    ) throws -> TaskBody.Training {
        try FineTuneSteps.training(
            groups,
            settings: .init(
                pairs: "", samples: nil, length: length, batch: batch, learningRate: 1e-3, parameters: .linear),
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

    @Test func anEpochIsAPassWhoseLastStepHasWhatIsLeft() throws {
        let steps = try examples(plan(.epochs(3), batch: 3))
        #expect(steps.map(\.count) == [3, 3, 1, 3, 3, 1, 3, 3, 1])
        let passes = (0..<3).map { steps[$0 * 3..<$0 * 3 + 3].flatMap { $0 } }
        for pass in passes { #expect(Set(pass) == Set(0..<7)) }
        #expect(passes[0] != passes[1])
        // Where the steps come out even, the two ways of counting are one.
        #expect(try plan(.epochs(7), batch: 7) == plan(.steps(7), batch: 7))
        #expect(try examples(plan(.epochs(2), batch: 100)).map(\.count) == [7, 7])
        #expect(FineTuneSteps.stepCount(.epochs(5), examples: 50, batch: 10) == 25)
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
