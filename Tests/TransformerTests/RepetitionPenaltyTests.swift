import Testing
import Transformer

/// The penalty against its definition, written out.
@Suite struct RepetitionPenaltyTests {
    private static let logits: [Float] = [3, -2, 0, 0.1, -0.5, 7, 1e-3, -4]

    private func penalised(_ factor: Float, _ tokens: [Int32], slot: Int = 0) -> [Float] {
        var penalty = RepetitionPenalty(factor: factor, slots: 2)
        penalty.begin(slot: slot, prompt: Array(tokens.prefix(2)))
        for token in tokens.dropFirst(2) { penalty.append(token, slot: slot) }
        var own = Self.logits
        own.withUnsafeMutableBufferPointer {
            penalty.apply(to: $0.baseAddress!, count: $0.count, slot: slot)
        }
        return own
    }

    @Test(arguments: [Float(1.1), 2, 0.5, 1]) func tokensOfPromptAndAnswerArePenalisedOnce(_ factor: Float) {
        // 5 stands there three times.
        let tokens: [Int32] = [5, 1, 5, 2, 5, 7]
        let expected = Self.logits.enumerated().map { token, logit in
            guard tokens.contains(Int32(token)) else { return logit }
            return logit < 0 ? logit * factor : logit / factor
        }
        #expect(penalised(factor, tokens) == expected)
        #expect(penalised(factor, tokens, slot: 1) == expected)
    }

    @Test func aSlotForgetsWhatLeftIt() {
        var penalty = RepetitionPenalty(factor: 2, slots: 1)
        penalty.begin(slot: 0, prompt: [0, 1])
        penalty.append(5, slot: 0)
        penalty.begin(slot: 0, prompt: [3])
        var own = Self.logits
        own.withUnsafeMutableBufferPointer { penalty.apply(to: $0.baseAddress!, count: $0.count, slot: 0) }
        #expect(own == Self.logits.enumerated().map { $0 == 3 ? $1 / 2 : $1 })
    }

    @Test func tokensOutsideTheVocabularyArePassedOver() {
        #expect(penalised(2, [-1, 8, 900]) == Self.logits)
    }
}
