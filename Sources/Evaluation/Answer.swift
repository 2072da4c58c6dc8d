/// One answer of the model under test.
public struct Answer: Sendable, Equatable, Codable {
    /// Index of the prompt it answers.
    public var prompt: Int
    /// Index of the suffix that followed the prompt; 0 where there was none.
    public var suffix = 0
    /// After the thinking, where there is any.
    public var text: String
    /// All that the model gave, its thinking among it.
    public var tokens: [Int32]
    /// What it thought before; `nil` where it did not.
    public var thinking: ThinkingPart?
    /// Mean log-likelihood of the answer's own tokens under the unedited model, in nats; `nil` where it has none.
    public var meanLogLikelihood: Double?
    /// What it would be with fewer new tokens, where it has more.
    public var cuts: [AnswerCut] = []
    /// What a defence in the prompt had the model write beside it: the verdict of a self-check, or knowledge.
    public var aside: String?

    public init(
        prompt: Int, suffix: Int = 0, text: String, tokens: [Int32], thinking: ThinkingPart? = nil,
        meanLogLikelihood: Double? = nil
    ) {
        self.prompt = prompt
        self.suffix = suffix
        self.text = text
        self.tokens = tokens
        self.thinking = thinking
        self.meanLogLikelihood = meanLogLikelihood
    }

    /// Tokens after the thinking: what is judged.
    public var ownTokens: ArraySlice<Int32> { tokens.dropFirst(thinking?.tokenCount ?? 0) }
    /// It ended inside its thinking: there is no answer to judge.
    public var isUnfinished: Bool { thinking?.isUnfinished ?? false }
}
