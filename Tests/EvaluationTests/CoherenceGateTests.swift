import Evaluation
import Testing

@Suite struct CoherenceGateTests {
    let gate = CoherenceGate(floor: -2)
    let fluent = "Water boils at a lower temperature on a mountain because the air above presses less on it."
    let tokens = (0..<40).map { Int32($0) }

    @Test func fluentTextPasses() {
        #expect(gate.isCoherent(fluent, tokens: tokens, meanLogLikelihood: -1))
    }

    @Test func everyMeasureCanFail() {
        #expect(!gate.isCoherent(fluent, tokens: tokens, meanLogLikelihood: -2.1))
        #expect(!gate.isCoherent(fluent, tokens: tokens, meanLogLikelihood: nil))
        #expect(!gate.isCoherent(fluent, tokens: tokens, meanLogLikelihood: .nan))
        #expect(!gate.isCoherent("", tokens: [], meanLogLikelihood: 0))
        #expect(
            !gate.isCoherent(
                Array(repeating: "Lit", count: 30).joined(separator: " "), tokens: tokens, meanLogLikelihood: -1))
        #expect(!gate.isCoherent(fluent, tokens: Array(repeating: 5, count: 40), meanLogLikelihood: -0.1))
    }

    @Test func degenerateIsWhatRepeatsItselfOrSaysNothing() {
        let words = Array(repeating: "Lit", count: 30).joined(separator: " ")
        #expect(gate.isDegenerate(words, tokens: tokens))
        #expect(gate.isDegenerate(fluent, tokens: Array(repeating: 5, count: 40)))
        #expect(gate.isDegenerate("", tokens: []))
        #expect(!gate.isDegenerate(fluent, tokens: tokens))
        // Unlikely text is incoherent, not degenerate.
        #expect(!gate.isCoherent(fluent, tokens: tokens, meanLogLikelihood: -9))
    }

    @Test func uniqueWords() {
        #expect(CoherenceGate.uniqueWords("a b a  b\n") == 0.5)
        #expect(CoherenceGate.uniqueWords(" ") == 0)
        // "é" in two spellings is two words: bytes decide.
        #expect(CoherenceGate.uniqueWords("\u{e9} e\u{301}") == 1)
    }

    @Test func distinctGrams() {
        #expect(CoherenceGate.distinctGrams([1, 2, 3]) == 1)
        #expect(CoherenceGate.distinctGrams(tokens) == 1)
        #expect(CoherenceGate.distinctGrams([7, 7, 7, 7, 7]) == 0.5)
        #expect(CoherenceGate.distinctGrams(Array(repeating: 7, count: 32)) == 1.0 / 29)
    }

    /// What the unique-word ratio cannot do: a loop scores the same whether it runs 64 or 512 tokens.
    @Test func repetitionDoesNotDependOnLength() {
        let loop = { (count: Int) in (0..<count).map { Int32($0 % 6) } }
        #expect(CoherenceGate.distinctGrams(loop(64)) == 6.0 / 29)
        #expect(abs(CoherenceGate.distinctGrams(loop(512)) - 6.0 / 29) < 1e-12)
        let fluent = { (count: Int) in (0..<count).map { Int32($0) } }
        #expect(CoherenceGate.distinctGrams(fluent(512)) == 1)
    }

    @Test func everyTokenIsInAWindow() {
        // Fluent for 41 tokens, then a loop in the last seven.
        let tail = (0..<41).map { Int32($0) } + Array(repeating: 99, count: 7)
        #expect(CoherenceGate.distinctGrams(tail) < 1)
    }

    @Test func floorIsTheFifthPercentile() throws {
        // numpy.percentile(range(-40, 0), 5) = -38.05
        let gate = try #require(CoherenceGate(calibratedOn: (1...40).map { -Double($0) }))
        #expect(abs(gate.floor + 38.05) < 1e-9)
        #expect(CoherenceGate(calibratedOn: [-3])?.floor == -3)
        #expect(CoherenceGate(calibratedOn: []) == nil)
    }
}
