/// Which system prompt goes before the user's text.
public enum SystemPrompt: Sendable, Equatable, Codable {
    /// What the chat template puts there when none is given.
    case template
    /// No system message. Where the template then brings a prompt of its own, an empty system message in its place.
    case none
    case text(String)
}
