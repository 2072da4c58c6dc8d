public import Jinja

/// How a chat model wants its prompt laid out: a Jinja template, executed as transformers' `apply_chat_template` does.
public struct ChatTemplate: Sendable {
    /// Where the template was read, for messages.
    let file: String
    /// `nil`: no template, the text itself.
    let program: Template?
    private let tokens: [(name: String, spelling: String)]
    public let thinking: Thinking
    /// The day that templates with `strftime_now` write.
    public let day: CalendarDay
    /// What is rendered where no system prompt is wanted.
    private(set) var silence = Silence.leftOut
    /// How the messages' content is given to it.
    private(set) var content = Content.text

    /// How a template does without a system prompt.
    enum Silence: Sendable {
        /// It is not given one.
        case leftOut
        /// It has one of its own, which an empty system message replaces.
        case emptied
        /// It has one of its own that nothing replaces.
        case impossible(String)
    }

    /// Templates of vision-language models go through a message's parts, one of which is its text.
    enum Content: Sendable { case text, parts }

    /// - Parameters:
    ///   - source: the template; `nil` for none.
    ///   - file: where it was read.
    ///   - tokens: spellings of the special tokens it can name.
    /// - Throws: `CheckpointError` with the line where it is not well-formed or cannot be rendered, and where `thinking`
    ///   means nothing to it.
    init(
        source: String?, file: String, tokens: [(name: String, spelling: String)], thinking: Thinking = .template,
        day: CalendarDay
    ) throws(CheckpointError) {
        self.file = file
        self.tokens = tokens
        self.thinking = thinking
        self.day = day
        if let source {
            do { program = try Template(source) } catch { throw Self.fault(error, file) }
        } else {
            program = nil
        }
        content = findContent()
        try checkThinking()
        silence = try findSilence()
    }

    /// Whether prompts have the day in them.
    public var isDated: Bool { program?.reads.contains("strftime_now") ?? false }

    private static func fault(_ error: JinjaError, _ file: String) -> CheckpointError {
        CheckpointError(
            error.kind == .unsupported || error.kind == .raised ? .unsupported : .malformed, file: file,
            "chat template, \(error.description)")
    }

    struct Message {
        var role: String
        var content: String
        var origin: Text.Origin
    }

    /// What transformers renders of the messages (its keywords `tools` and `documents` are none).
    func render(_ messages: [Message], generationPrompt: Bool) throws(CheckpointError) -> Text {
        guard let program else { return messages.last.map { Text($0.content, from: $0.origin) } ?? Text("") }
        var variables: [(String, Value)] = [
            (
                "messages",
                .list(
                    messages.map {
                        .dict(Dict([("role", .text($0.role)), ("content", value(of: $0))]))
                    })
            ), ("tools", .none), ("documents", .none), ("add_generation_prompt", .bool(generationPrompt)),
        ]
        variables += tokens.map { ($0.name, .text($0.spelling)) }
        if thinking != .template { variables.append(("enable_thinking", .bool(thinking == .on))) }
        do { return try program.render(variables, day: day) } catch { throw Self.fault(error, file) }
    }

    private func value(of message: Message) -> Value {
        let text = Value.text(message.content, from: message.origin)
        switch content {
        case .text: return text
        case .parts: return .list([.dict(Dict([("type", .text("text")), ("text", text)]))])
        }
    }

    /// Finds out by rendering: parts only where a text alone would be lost.
    private func findContent() -> Content {
        guard program != nil else { return .text }
        func shows(_ content: Content) -> Bool {
            var trial = self
            trial.content = content
            let asked = Message(role: "user", content: "question", origin: .user)
            return (try? trial.render([asked], generationPrompt: true))?.around(.user) != nil
        }
        return shows(.text) || !shows(.parts) ? .text : .parts
    }

    private func checkThinking() throws(CheckpointError) {
        guard thinking != .template else { return }
        func refused(_ why: String) -> CheckpointError {
            CheckpointError(.unsupported, file: file, "thinking \(thinking.rawValue): \(why); leave it out")
        }
        guard let program else { throw refused("without a chat template there is nothing to say it to") }
        guard program.reads.contains("enable_thinking") else {
            throw refused("the chat template does not look at enable_thinking")
        }
    }
}

/// Prompts.
extension ChatTemplate {
    /// The prompt as the template writes it, with the user's and the system's text marked.
    func rendered(user: String, system: SystemPrompt) throws(CheckpointError) -> Text {
        let asked = Message(role: "user", content: user, origin: .user)
        switch system {
        case .template: return try render([asked], generationPrompt: true)
        case .none:
            switch silence {
            case .leftOut: return try render([asked], generationPrompt: true)
            case .emptied:
                let empty = Message(role: "system", content: "", origin: .system)
                return try render([empty, asked], generationPrompt: true)
            case .impossible(let own):
                throw CheckpointError(
                    .unsupported, file: file,
                    "the chat template has a system prompt of its own that cannot be left out (\(own)); say system: template, or name another template"
                )
            }
        case .text(let text):
            if program == nil { return Text(text + "\n\n", from: .system).appending(Text(user, from: .user)) }
            let told = Message(role: "system", content: text, origin: .system)
            let result = try render([told, asked], generationPrompt: true)
            guard text.isEmpty || result.around(.system) != nil || isBlank(text) else {
                throw CheckpointError(
                    .unsupported, file: file,
                    "the chat template leaves out system messages; say system: template, or none")
            }
            return result
        }
    }

    private func isBlank(_ text: String) -> Bool { Text(text).trimmed == Text("") }

    /// Token numbers of the prompt for one user message, up to where the assistant begins to speak.
    ///
    /// Equal to transformers' but in one point: special tokens spelled out in the user's or system's text stay text.
    /// - Throws: `CheckpointError` where the template refuses the messages.
    public func prompt(user: String, system: SystemPrompt = .template, tokenizer: Tokenizer) throws(CheckpointError)
        -> [Int32]
    {
        let text = try rendered(user: user, system: system)
        return tokenizer.encode(
            text.runs.map { Tokenizer.Segment($0.text, parseSpecial: $0.origin == nil) }, addSpecial: program == nil)
    }

    /// The prompt as text.
    /// - Throws: `CheckpointError` where the template cannot do what `system` asks for, or refuses the prompt.
    public func text(user: String, system: SystemPrompt = .template) throws(CheckpointError) -> String {
        try rendered(user: user, system: system).string
    }

    /// How prompts without a system prompt are made, where that is not by leaving it out.
    public var silenceTitle: String? {
        if case .emptied = silence { "an empty system message in place of the template's own" } else { nil }
    }

    /// Finds out by rendering: with and without a system message.
    private func findSilence() throws(CheckpointError) -> Silence {
        let asked = Message(role: "user", content: "question", origin: .user)
        func told(_ text: String) -> [Message] { [Message(role: "system", content: text, origin: .system), asked] }
        guard program != nil else { return .leftOut }
        let plain = try render([asked], generationPrompt: true)
        // A template that refuses system messages, or leaves them out, has nothing to be switched off.
        guard let full = try? render(told("instruction"), generationPrompt: true),
            let (before, after) = full.around(.system), let own = plain.between(before, after),
            own.trimmed != Text("")
        else {
            return .leftOut
        }
        let empty = try? render(told(""), generationPrompt: true)
        if let empty, empty.between(before, after)?.trimmed == Text("") { return .emptied }
        let words = own.trimmed.string
        return .impossible(words.count > 60 ? words.prefix(60) + "…" : words)
    }
}
