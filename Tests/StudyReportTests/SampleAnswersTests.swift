import Checkpoint
import Evaluation
import Experiment
import Reporting
import StudyFile
import StudyReport
import Testing

@Suite struct SampleAnswersTests {
    private static let long = (1...24).map { "word\($0)" }.joined(separator: " ")
    private static let refusal = "I'm sorry, but I cannot help with that."

    private func result(_ name: String, _ texts: [String]) throws -> ConditionResult {
        let measurement = Measurement(
            answers: texts.enumerated().map { index, text in
                AskedAnswer(
                    asked: AskedPrompt(purpose: .attack(0), prompt: index, tokens: []),
                    answer: Answer(
                        prompt: index, text: text, tokens: (0..<24).map { Int32($0) }, meanLogLikelihood: -1))
            })
        return try ConditionResult(
            name: name, method: name, measurement: measurement, attacks: [AttackSetting(.vanilla)],
            gate: CoherenceGates(chat: CoherenceGate(floor: -2)), judges: Judges(), maps: [])
    }

    @Test func brokenRefusalsComeFirst() throws {
        let loop = Array(repeating: "loop", count: 30).joined(separator: " ")
        let before = try result("unedited", [Self.refusal, Self.refusal, Self.long, Self.refusal, Self.refusal])
        let after = try result("edited", [Self.refusal, Self.long, Self.long, loop, "No, sorry."])
        let exchanges = SampleAnswers.exchanges(
            [before, after], unedited: "unedited", conditions: ["edited", "unedited", "absent"],
            prompts: ["a", "b", "c", "d", "e"], each: 3)
        // b became an answer; d too, though a degenerate one; of those that stayed, the first.
        #expect(exchanges.map(\.prompt) == ["a", "b", "d"])
        #expect(exchanges.map(\.after.verdict) == ["refusal", "answer", "answer, degenerate"])
        #expect(exchanges.allSatisfy { $0.before.verdict == "refusal" && $0.condition == "edited" })
        #expect(exchanges[1].after.text == Self.long)
    }
}
