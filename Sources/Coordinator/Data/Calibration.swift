package import Checkpoint
import Evaluation
package import Protocol

/// Text to tokens and back, as one checkpoint with one chat template does it.
package protocol TextCodec: Sendable {
    /// A user's turn, up to where the assistant begins to speak.
    func prompt(_ user: String) -> [Int32]
    /// The same with another system prompt.
    func prompt(_ user: String, system: SystemPrompt) -> [Int32]
    /// A text for the model to go on with, outside any chat, with what the tokenizer itself puts in front of texts (BOS).
    func opening(_ text: String) -> [Int32]
    /// Plain text, without tokens of the tokenizer's own and without reading special tokens in it.
    func encode(_ text: String) -> [Int32]
    func decode(_ tokens: [Int32]) -> String
    /// The same with special tokens spelled out: markers of thinking may be such.
    func spell(_ tokens: [Int32]) -> String
    /// The longest sequence that the model has positions for.
    var longest: Int { get }
    /// Tokens that end an answer.
    var stopTokens: [Int32] { get }
    /// The token that ends an answer in training data.
    var endOfAnswer: Int32? { get }
    /// For the report.
    var description: String { get }
}

extension TextCodec {
    package func spell(_ tokens: [Int32]) -> String { decode(tokens) }
    package var longest: Int { .max }

    /// What a prompt was answered with: the answer's text, and the thinking before it.
    func answer(to prompt: [Int32], _ tokens: [Int32]) -> (text: String, thinking: Thinking?) {
        let isOpened = Thinking.isOpened(by: spell(prompt.suffix(Thinking.promptTokens)))
        let (text, thinking) = Thinking.split(tokens, isOpened: isOpened, decode: decode, spell: spell)
        return (text, thinking)
    }
}

/// The codec of a checkpoint.
package struct ChatCodec: TextCodec {
    private let tokenizer: Tokenizer
    private let template: ChatTemplate
    private let system: SystemPrompt
    package let stopTokens: [Int32]
    package let endOfAnswer: Int32?
    package let description: String
    package let longest: Int

    /// - Parameters:
    ///   - template: a family's name in place of the checkpoint's own template.
    ///   - system: what stands before the user's text.
    package init(_ checkpoint: Checkpoint, template name: String?, system: SystemPrompt) throws {
        tokenizer = try checkpoint.tokenizer()
        template = try checkpoint.chatTemplate(override: name)
        self.system = system
        longest = checkpoint.config.maxPositions
        stopTokens = try checkpoint.stopTokens(tokenizer: tokenizer)
        endOfAnswer = template.endOfTurn.flatMap { [tokenizer] in tokenizer.tokenID($0) } ?? stopTokens.first
        description = name ?? "the checkpoint's own"
    }

    package func prompt(_ user: String) -> [Int32] { template.prompt(user: user, system: system, tokenizer: tokenizer) }
    package func prompt(_ user: String, system: SystemPrompt) -> [Int32] {
        template.prompt(user: user, system: system, tokenizer: tokenizer)
    }
    package func opening(_ text: String) -> [Int32] { tokenizer.encode(text, addSpecial: true, parseSpecial: false) }
    package func encode(_ text: String) -> [Int32] { tokenizer.encode(text, addSpecial: false, parseSpecial: false) }
    package func decode(_ tokens: [Int32]) -> String { tokenizer.decode(tokens) }
    package func spell(_ tokens: [Int32]) -> String { tokenizer.decode(tokens, skipSpecial: false) }
}

/// Pairs as the token sequences that are scored or trained on (paper.md, "Calibration data").
package enum Calibration {
    /// The prompt in its template, then the response, tokenised apart and alone scored.
    /// - Parameter endOfAnswer: closes the response; for fine-tuning only.
    package static func group(_ pair: Pair, codec: any TextCodec, endOfAnswer: Int32? = nil) throws(InputError)
        -> SequenceGroup
    {
        let prompt = codec.prompt(pair.prompt)
        var response = codec.encode(pair.response)
        guard !prompt.isEmpty else {
            throw InputError(pair.place, "its prompt has no tokens, so nothing predicts the response")
        }
        guard !response.isEmpty else { throw InputError(pair.place, "its response has no tokens") }
        if let endOfAnswer { response.append(endOfAnswer) }
        try ContextLimit.check(prompt.count + response.count, codec.longest, pair.place)
        return SequenceGroup(
            name: pair.place, sequences: [Sequence(tokens: prompt + response, scoredFrom: prompt.count)])
    }

    package static func groups(_ pairs: [Pair], codec: any TextCodec, endOfAnswer: Int32? = nil) throws(InputError)
        -> [SequenceGroup]
    {
        var groups: [SequenceGroup] = []
        for pair in pairs { groups.append(try group(pair, codec: codec, endOfAnswer: endOfAnswer)) }
        return groups
    }
}
