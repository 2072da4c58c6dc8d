/// Whether a model whose template can say so thinks before it answers.
public enum Thinking: String, Sendable, Equatable, CaseIterable {
    /// As the template has it when nothing is said.
    case template
    /// `enable_thinking` is true for the template.
    case on
    /// `enable_thinking` is false for the template.
    case off
}
