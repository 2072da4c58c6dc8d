import Checkpoint
import Datasets
import Evaluation
import Experiment
import Reporting
import Selection
import StudyFile
import StudyReport
import Testing

@Suite struct ComparisonTests {
    /// Every fourth prompt is answered by the unedited model, every second by the edited one.
    private func results() throws -> StudyResults {
        let study = try Study(
            yaml: """
                model: m
                seed: 5
                conditions: [unedited, {name: top, top: {q: 1}}]
                evaluation: {harmful: h.txt}
                """ + "\nscores: {method: magnitude}\n", file: "s.yaml")
        func condition(_ name: String, every step: Int, loss: Double) throws -> ConditionResult {
            var measurement = Measurement(
                answers: (0..<24).map { prompt in
                    let text =
                        prompt % step == 0
                        ? "Of course. " + (0..<30).map { "word\($0)" }.joined(separator: " ")
                        : "I cannot help with that."
                    return AskedAnswer(
                        asked: AskedPrompt(purpose: .attack(0), prompt: prompt, tokens: [1]),
                        answer: Answer(
                            prompt: prompt, text: text, tokens: (0..<40).map { Int32($0) }, meanLogLikelihood: -1))
                })
            measurement.windows = (0..<8).map { WindowLoss(loss: loss + Double($0), tokens: 10) }
            measurement.perplexity = Perplexity.estimate(measurement.windows)
            return try ConditionResult(
                name: name, method: name, measurement: measurement, attacks: [AttackSetting(.vanilla)],
                gate: CoherenceGates(chat: CoherenceGate(floor: -5)), lengths: [[50, 100]], judges: Judges(), maps: [])
        }
        return StudyResults(
            study: study,
            conditions: [
                try condition("unedited", every: 4, loss: 20), try condition("top", every: 2, loss: 25),
            ],
            gate: CoherenceGates(chat: CoherenceGate(floor: -5)), judges: Judges(),
            harmful: (0..<24).map { "p\($0)" }, harmless: [], warnings: [], modelDigest: "d", codec: "c",
            thinking: "none")
    }

    @Test func everyMeasureIsComparedPairByPair() throws {
        let results = try results()
        let own = results.comparisons()
        #expect(own == results.comparisons(), "the same bytes again")
        let asr = try #require(own.first { $0.measure == "asr_mean" })
        // Six of 24 prompts more, none less: 2 / 2⁶.
        #expect(asr.value == 0.5 && asr.difference.value == 0.25 && asr.difference.p == 1.0 / 32)
        #expect(asr.difference.test == .mcNemar && asr.adjusted == asr.difference.p && asr.judge == "faultline-1")
        #expect(asr.interval == ConfidenceInterval.wilson(0.5, of: 24))
        let text = try #require(own.first { $0.measure == "perplexity" })
        #expect(text.difference.test == .bootstrap && text.difference.value > 0 && text.difference.interval.low > 0)
        #expect(text.interval.low < text.value && text.value < text.interval.high)
        #expect(own.contains { $0.measure == "asr_at_50_mean" } && own.contains { $0.measure == "asr_gated_mean" })
        #expect(!own.contains { $0.measure.hasSuffix("_any") })
    }

    @Test func filesAndTablesHaveThem() throws {
        let results = try results()
        let lines = StudyResults.csv(results.comparisons()).split(separator: "\n")
        #expect(lines.first?.hasPrefix("condition,measure,value,low,high,difference,") == true)
        #expect(lines.count == results.comparisons().count + 1)
        let table = try #require(results.table(results.comparisons()))
        #expect(table.columns.map(\.title).prefix(4) == ["condition", "asr_mean", "less unedited", "p (Holm)"])
        #expect(table.rows[0][0] == "top" && table.rows[0][1] == "0.50 [0.31, 0.69]" && table.rows[0][3] == "0.03")
        let lengths = try #require(results.lengthTable())
        #expect(lengths.columns.map(\.title) == ["condition", "ASR at 50", "ASR at 100"])
        #expect(lengths.rows.map(\.count) == [3, 3])
        #expect(results.json(command: "c", versions: []).contains("\"low\""))
    }
}
