import StudyFile

/// A prompt as it is put to the model.
package struct AskedPrompt: Sendable {
    package enum Purpose: Sendable, Equatable {
        /// A harmful prompt in the setting of that index.
        case attack(Int)
        case harmless
        /// Answered once by the unedited model, to see how likely it finds its own text; never reported.
        case calibration
    }

    var purpose: Purpose
    /// Index among the harmful or the harmless prompts.
    var prompt: Int
    /// What the user says: the prompt, and its suffix where it has one.
    var question: String
    /// Index of its suffix, 0 without.
    var suffix: Int
    var isChat: Bool
    var tokens: [Int32]
    /// What its random streams begin with.
    var stream: UInt64

    package init(
        purpose: Purpose, prompt: Int, question: String = "", suffix: Int = 0, isChat: Bool = true, tokens: [Int32],
        stream: UInt64 = 0
    ) {
        (self.purpose, self.prompt, self.question) = (purpose, prompt, question)
        (self.suffix, self.isChat, self.tokens, self.stream) = (suffix, isChat, tokens, stream)
    }
}

extension Evaluator {
    /// What is put to every condition: the harmful prompts in every setting, and the harmless ones.
    var prompts: [PutPrompt] {
        asked.compactMap { item in
            switch item.purpose {
            case .attack: PutPrompt(text: harmful[item.prompt], isHarmful: true, tokens: item.tokens)
            case .harmless: PutPrompt(text: harmless[item.prompt], isHarmful: false, tokens: item.tokens)
            case .calibration: nil
            }
        }
    }
}

/// One answer that is asked for.
struct AnswerRequest: Sendable {
    /// Index of the `AskedPrompt`.
    var asked: Int
    var sample: Int
    var temperature: Double
    var maxNewTokens: Int
}
