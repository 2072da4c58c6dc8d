/// What the tensors of a task's result are called, but for statistics (`Selection/Statistics`), which name their own.
public enum ResultName {
    /// Of every scored token, F32.
    public static let logProbability = "log_probability"
    /// Whether the token was the most likely one, U8.
    public static let greedy = "greedy"
    /// Of every prompt's next token: of all tokens of the vocabulary, F32, or of the tokens that were asked for, F64.
    public static let nextLogProbability = "next_log_probability"
    /// All answers' tokens, I32, one answer after the other.
    public static let tokens = "tokens"
    /// How many of the tokens each answer has, I32.
    public static let lengths = "lengths"
    /// Whether an answer ended with a stop token, U8.
    public static let stopped = "stopped"
    /// Of every optimiser step, F32.
    public static let losses = "losses"
}
