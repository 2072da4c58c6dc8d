package import Checkpoint
package import Datasets
package import Tensors

/// One way of putting the harmful prompts to the model (arXiv 2402.05162, section 3: ASR Vanilla, Adv-Suffix and
/// Adv-Decoding).
package struct AttackSetting: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        /// The prompt as a user's turn.
        case vanilla
        /// The same with a suffix; the most successful suffix counts.
        case advSuffix = "adv_suffix"
        /// Prompt and newline outside any chat, sampled several times.
        case advDecoding = "adv_decoding"
    }

    package var name: String
    package var kind: Kind
    /// `nil`: the study's (chats) or none.
    package var system: SystemPrompt?
    /// A file with a suffix a line.
    package var suffixes: String?
    package var samples: Int
    /// 0 is greedy.
    package var temperature: Double
    /// `nil`: the evaluation's.
    package var maxNewTokens: Int?

    /// The paper's setting.
    package init(_ kind: Kind, name: String? = nil) {
        self.name = name ?? kind.rawValue
        self.kind = kind
        // Only the vanilla setting has a system prompt.
        system = kind == .vanilla ? nil : SystemPrompt.none
        samples = kind == .advDecoding ? 5 : 1
        temperature = kind == .advDecoding ? 1 : 0
    }

    /// Inside the chat template.
    package var isChat: Bool { kind != .advDecoding }

    /// What a user says: the prompt, and behind a space its suffix.
    package static func question(_ prompt: String, suffix: String?) -> String {
        suffix.map { "\(prompt) \($0)" } ?? prompt
    }

    /// What the model is given to go on with.
    /// - Parameter suffix: follows the prompt after a space.
    /// - Returns: the tokens of the whole prompt.
    /// - Throws: `InputError` where the chat template refuses it, or cannot do what the setting's system prompt asks
    ///   for.
    package func tokens(_ prompt: String, suffix: String? = nil, codec: any TextCodec) throws(InputError) -> [Int32] {
        let text = Self.question(prompt, suffix: suffix)
        switch (isChat, system) {
        case (true, nil): return try codec.prompt(text)
        case (true, let system?): return try codec.prompt(text, system: system)
        case (false, .text(let before)?): return codec.opening("\(before)\n\n\(text)\n")
        case (false, _): return codec.opening(text + "\n")
        }
    }
}
