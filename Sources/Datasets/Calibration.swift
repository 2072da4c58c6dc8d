package import Checkpoint
package import Evaluation
package import Protocol
package import Tensors

/// Text to tokens and back, as one checkpoint with one chat template does it.
package protocol TextCodec: Sendable {
    /// A user's turn, up to where the assistant begins to speak.
    /// - Throws: where the chat template refuses it.
    func prompt(_ user: String) throws(InputError) -> [Int32]
    /// The same with another system prompt.
    /// - Throws: `InputError` where the chat template refuses it, or cannot do what `system` asks for.
    func prompt(_ user: String, system: SystemPrompt) throws(InputError) -> [Int32]
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
    /// What the results say of thinking.
    var thinking: String { get }
}

extension TextCodec {
    package func spell(_ tokens: [Int32]) -> String { decode(tokens) }
    package var longest: Int { .max }

    /// What a prompt was answered with: the answer's text, and the thinking before it.
    package func answer(to prompt: [Int32], _ tokens: [Int32]) -> (text: String, thinking: ThinkingPart?) {
        let isOpened = ThinkingPart.isOpened(by: spell(prompt.suffix(ThinkingPart.promptTokens)))
        let (text, thinking) = ThinkingPart.split(tokens, isOpened: isOpened, decode: decode, spell: spell)
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
    package let thinking: String

    /// - Parameters:
    ///   - layout: how prompts are laid out.
    ///   - systems: other system prompts that will be asked for: what the template refuses is known now.
    /// - Throws: `CheckpointError` where the tokenizer or the template cannot be read or do not fit together;
    ///   `InputError` where a named template ends a turn with no token of this tokenizer.
    package init(_ checkpoint: Checkpoint, _ layout: ChatLayout, systems: [SystemPrompt] = []) throws {
        tokenizer = try checkpoint.tokenizer()
        template = try checkpoint.chatTemplate(
            override: layout.template, thinking: layout.thinking, day: layout.day ?? .today())
        longest = checkpoint.config.maxPositions
        system = layout.system
        try template.checkMarkers(tokenizer, systems: [system] + systems)
        stopTokens = try checkpoint.stopTokens(tokenizer: tokenizer, template: template)
        endOfAnswer = try template.endOfTurn(tokenizer) ?? stopTokens.first
        if let name = layout.template, name != TemplateFamily.none.rawValue, endOfAnswer == nil {
            throw InputError(
                "--template \(name)", "it ends a turn with no token of this tokenizer, so nothing would end an answer")
        }
        var parts = [layout.template ?? "the checkpoint's own"]
        if template.isDated { parts.append("dated \(template.day)") }
        if ([system] + systems).contains(.none), let silence = template.silenceTitle {
            parts.append("no system prompt: \(silence)")
        }
        description = parts.joined(separator: "; ")
        thinking = layout.thinking.title
    }

    /// A user's turn with the layout's own system prompt, up to where the assistant begins to speak.
    /// - Throws: `InputError` where the chat template refuses it.
    package func prompt(_ user: String) throws(InputError) -> [Int32] { try prompt(user, system: system) }
    /// The same with another system prompt.
    /// - Throws: `InputError` where the chat template refuses it, or cannot do what `system` asks for.
    package func prompt(_ user: String, system: SystemPrompt) throws(InputError) -> [Int32] {
        do { return try template.prompt(user: user, system: system, tokenizer: tokenizer) } catch {
            throw InputError(error.file, error.fault)
        }
    }
    /// Whether prompts have the day in them.
    package var isDated: Bool { template.isDated }
    package func opening(_ text: String) -> [Int32] { tokenizer.encode(text, addSpecial: true, parseSpecial: false) }
    package func encode(_ text: String) -> [Int32] { tokenizer.encode(text, addSpecial: false, parseSpecial: false) }
    package func decode(_ tokens: [Int32]) -> String { tokenizer.decode(tokens) }
    package func spell(_ tokens: [Int32]) -> String { tokenizer.decode(tokens, skipSpecial: false) }
}

/// Pairs as the token sequences that are scored or trained on (arXiv 2402.05162, section 3, the data sets of
/// attribution).
package enum Calibration {
    /// The prompt in its template, then the response, tokenised apart and alone scored.
    /// - Parameter endOfAnswer: closes the response; for fine-tuning only.
    /// - Throws: `InputError` naming the pair's place, where its prompt cannot be laid out, one of its texts has no
    ///   tokens, or both are longer than the model's context.
    package static func group(_ pair: Pair, codec: any TextCodec, endOfAnswer: Int32? = nil) throws(InputError)
        -> SequenceGroup
    {
        let prompt: [Int32]
        do { prompt = try codec.prompt(pair.prompt) } catch {
            throw InputError(pair.place, "its prompt cannot be laid out: \(error)")
        }
        var response = codec.encode(pair.response)
        guard !prompt.isEmpty else {
            throw InputError(pair.place, "its prompt has no tokens, so nothing predicts the response")
        }
        guard !response.isEmpty else { throw InputError(pair.place, "its response has no tokens") }
        if let endOfAnswer { response.append(endOfAnswer) }
        try ContextLimit.check(prompt.count + response.count, codec.longest, pair.place)
        return SequenceGroup(
            name: pair.place, sequences: [TokenSequence(tokens: prompt + response, scoredFrom: prompt.count)])
    }

    /// One group a pair, in their order.
    /// - Throws: as `group`.
    package static func groups(_ pairs: [Pair], codec: any TextCodec, endOfAnswer: Int32? = nil) throws(InputError)
        -> [SequenceGroup]
    {
        var groups: [SequenceGroup] = []
        for pair in pairs { groups.append(try group(pair, codec: codec, endOfAnswer: endOfAnswer)) }
        return groups
    }
}
