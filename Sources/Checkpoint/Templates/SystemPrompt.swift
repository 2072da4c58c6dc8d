/// Which system prompt goes before the user's text.
public enum SystemPrompt: Sendable, Equatable, Codable {
    /// What the checkpoint's chat template puts there when none is given.
    case template
    case none
    case text(String)
}
